/* A button that copies the code beside it; where there is no clipboard it selects the code. Every panel has one,
   so it also keeps the panel's keys from JupyterLab, for which B, X or DD on a button of ours means to change cells. */
const plain = (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); };
function keepKeys(el, tries) {
  const card = el.closest(".g3-card");
  if (card) card.addEventListener("keydown", plain);
  else if (tries) requestAnimationFrame(() => keepKeys(el, tries - 1));
}

function render({ model, el }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "jupyter-button g3-quiet g3-sm";
  const say = (text) => { button.textContent = text; };
  const label = model.get("label");
  say(label);
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(model.get("text"));
      say("Copied");
    } catch {
      const code = el.closest(".g3-drawer, .g3-msg")?.querySelector("pre, code");
      if (code) getSelection().selectAllChildren(code);
      say("Selected: press Ctrl+C");
    }
    setTimeout(() => say(label), 2000);
  });
  el.appendChild(button);
  keepKeys(el, 600);
}
export default { render };
