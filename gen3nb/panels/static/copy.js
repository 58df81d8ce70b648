/* A button that copies the code beside it; where there is no clipboard it selects the code. */
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
}
export default { render };
