/* A list to search and to pick from: one, or many with ticks. Names come from the commons: only ever as text. */
const TICK = '<svg class="g3-ic" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 8.5l3.2 3L13 4.5"/></svg>';


function piece(parent, tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}

function render({ model, el }) {
  el.classList.add("g3-pick");
  const id = `g3-pick-${Math.random().toString(36).slice(2)}`;
  const list = document.createElement("div");
  list.className = "g3-list";
  list.tabIndex = 0;
  list.setAttribute("role", "listbox");
  let search = null;
  if (model.get("searchable")) {
    search = piece(el, "input");
    Object.assign(search, { type: "text", autocomplete: "off", placeholder: model.get("find") });
    search.setAttribute("aria-label", model.get("find"));
  }
  el.appendChild(list);
  let shown = [];
  let at = 0;

  const many = () => model.get("multiple");
  const pick = (item) => {
    if (item.disabled && many()) return;
    const picked = model.get("picked");
    if (!many()) model.set("picked", [item.name]);
    else model.set("picked", picked.includes(item.name) ? picked.filter((n) => n !== item.name) : [...picked, item.name]);
    model.save_changes();
  };
  const mark = () => {
    [...list.children].forEach((row, i) => {
      row.classList.toggle("g3-at", i === at);
      row.setAttribute("aria-selected", String(model.get("picked").includes(shown[i]?.name)));
    });
    if (shown.length) list.setAttribute("aria-activedescendant", `${id}-${at}`);
    else list.removeAttribute("aria-activedescendant");
  };
  const draw = () => {
    const wanted = (search?.value ?? "").trim().toLowerCase();
    shown = model.get("items").filter((item) =>
      !wanted || item.name.toLowerCase().includes(wanted) || (item.words ?? "").toLowerCase().includes(wanted));
    at = Math.max(0, shown.findIndex((item) => model.get("picked").includes(item.name)));
    list.setAttribute("aria-label", model.get("label"));
    list.setAttribute("aria-multiselectable", String(many()));
    list.style.height = model.get("height") || "";
    list.replaceChildren();
    shown.forEach((item, i) => {
      const row = piece(list, "div", `g3-li${many() ? "" : " g3-one"}${item.disabled ? " g3-dis" : ""}`);
      row.id = `${id}-${i}`;
      row.setAttribute("role", "option");
      if (item.disabled && many()) row.setAttribute("aria-disabled", "true");
      if (item.words) row.title = item.words;
      if (many()) piece(row, "span", "g3-tick").innerHTML = TICK;
      if (item.category) piece(row, "i", `g3-cat ${item.category}`);
      piece(row, "span", "g3-nm", item.name);
      if (item.required) { const star = piece(row, "span", "g3-req", "*"); star.title = "required"; star.setAttribute("aria-label", "required"); }
      if (item.figure) piece(row, "span", "g3-num g3-end", item.figure);
      if (item.badge) piece(row, "span", "g3-b g3-end", item.badge);
      row.addEventListener("click", () => { at = i; pick(item); });
    });
    if (!shown.length) piece(list, "div", "g3-li g3-dis", wanted ? "nothing found" : model.get("empty"));
    mark();
  };
  const move = (to) => {
    at = Math.min(Math.max(to, 0), shown.length - 1);
    mark();
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  list.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 };
    if (event.key in moves) { move(moves[event.key]); event.preventDefault(); }
    else if (event.key === " " || event.key === "Enter") { if (shown[at]) pick(shown[at]); event.preventDefault(); }
  });
  search?.addEventListener("input", draw);
  search?.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { list.focus(); event.preventDefault(); }
    if (event.key === "Escape") { search.value = ""; draw(); }
  });
  el.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("change:items", draw);
  model.on("change:picked", mark);
  draw();
  return () => { model.off("change:items", draw); model.off("change:picked", mark); };
}
export default { render };
