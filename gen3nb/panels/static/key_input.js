/* Takes an API key file or its path. What comes in goes to Python as a message and is held nowhere: no trait. */
const LARGEST = 100_000;

function render({ model, el }) {
  const zone = document.createElement("div");
  zone.className = "g3-drop";
  zone.innerHTML =
    '<svg class="g3-ic" viewBox="0 0 16 16" aria-hidden="true"><path d="M5 8.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5zM7 9.5L13 3.5M11 5.5l2 2"/></svg>';
  const field = document.createElement("input");
  Object.assign(field, { type: "text", autocomplete: "off", spellcheck: false, placeholder: "~/Downloads/credentials.json" });
  field.setAttribute("aria-label", "API key file, or its path");
  const choose = document.createElement("button");
  Object.assign(choose, { type: "button", className: "jupyter-button g3-sm", textContent: "Choose…" });
  const picker = document.createElement("input");
  Object.assign(picker, { type: "file", accept: ".json,.txt,application/json", hidden: true, tabIndex: -1 });
  const note = document.createElement("div");
  note.className = "g3-sub";
  note.setAttribute("role", "status");
  zone.append(field, choose, picker);
  el.append(zone, note);

  const give = (text, name) => {
    field.value = "";
    model.send({ kind: "key", text, name });
    note.textContent = `${name} is read; press Connect.`;
  };
  const read = async (file) => {
    if (!file) return;
    if (file.size > LARGEST) { note.textContent = `${file.name} is too big for an API key file.`; return; }
    try { give(await file.text(), file.name); } catch { note.textContent = `${file.name} could not be read.`; }
    picker.value = "";
  };
  const looksLikeKey = (text) => text.startsWith("{") || /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
  const take = () => {
    const text = field.value.trim();
    if (looksLikeKey(text)) give(text, "the pasted key");
    else { note.textContent = ""; model.send({ kind: "path", path: text }); }
  };
  field.addEventListener("change", take);
  field.addEventListener("paste", () => setTimeout(() => looksLikeKey(field.value.trim()) && take(), 0));
  choose.addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => read(picker.files[0]));
  for (const name of ["dragenter", "dragover"])
    zone.addEventListener(name, (event) => { event.preventDefault(); event.stopPropagation(); zone.classList.add("g3-over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("g3-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault(); event.stopPropagation();
    zone.classList.remove("g3-over");
    read(event.dataTransfer.files[0]);
  });
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const onMessage = (message) => { if (message.kind === "clear") { field.value = ""; note.textContent = ""; } };
  model.on("msg:custom", onMessage);
  return () => model.off("msg:custom", onMessage);
}
export default { render };
