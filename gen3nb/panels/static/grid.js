/* Runs inside ipyaggrid, before its grid is made. This text is fixed: whatever comes from a commons or a file
   (column names, types, figures, cells) arrives later in messages and is only ever put in as text. */
view.g3 = { columns: [], sort: "" };

const g3 = view.g3;
const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const gaps = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
const figure = (value) => {
  const text = String(value);
  const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(text) ?? [];
  return whole && whole.length > 4 ? sign + gaps(whole) + rest : text;
};
const SVG = "http://www.w3.org/2000/svg";
const bars = (column) => {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 88 16");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const most = Math.max(1, ...(column.bins ?? []));
  const total = Math.max(1, (column.shares ?? []).reduce((a, b) => a + b, 0));
  let x = 0;
  const step = 88 / (column.bins ?? [1]).length;
  (column.bins ?? []).forEach((n, i) => {
    const high = n ? Math.max(1, Math.round((16 * n) / most)) : 0;
    box(i * step + 0.5, 16 - high, step - 1, high, 1);
  });
  (column.shares ?? []).forEach((n, i) => {
    const wide = (87 * n) / total;
    box(x, 4, Math.max(0.5, wide - 1), 8, [1, 0.72, 0.44, 0.25][i] ?? 0.2);
    x += wide;
  });
  function box(left, top, width, height, opacity) {
    const made = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x: left, y: top, width, height, opacity })) made.setAttribute(name, value);
    svg.appendChild(made);
  }
  return svg;
};

class G3Head {
  init(params) {
    this.params = params;
    const column = params.g3;
    this.gui = make("div", "g3-gh" + (column.right ? " g3-r" : ""));
    this.name = make("b");
    this.name.title = column.words || column.name;
    this.gui.appendChild(this.name);
    for (const line of column.lines ?? []) {
      if (line === "bars") this.gui.appendChild(bars(column));
      else this.gui.appendChild(make("span", line.startsWith("!") ? "g3-w" : "", line.replace(/^!/, "")));
    }
    if (column.sortable) this.gui.addEventListener("click", () => params.progressSort(false));
    this.onSort = () => {
      const sort = params.column.getSort();
      const mark = sort === "asc" ? " ▴" : sort === "desc" ? " ▾" : "";
      this.name.replaceChildren();
      (column.name + mark).split(/(?<=[_.])/).forEach((part, i) => {
        if (i) this.name.appendChild(make("wbr"));
        this.name.appendChild(document.createTextNode(part));
      });
    };
    params.column.addEventListener("sortChanged", this.onSort);
    this.onSort();
  }
  getGui() { return this.gui; }
  refresh() { return false; }
  destroy() { this.params.column.removeEventListener("sortChanged", this.onSort); }
}

const g3cell = (params) => {
  const cell = document.createElement("span");
  if (params.value === null || params.value === undefined) { cell.className = "g3-na"; cell.textContent = "missing"; }
  else cell.textContent = params.colDef.g3.right ? figure(params.value) : String(params.value);
  return cell;
};
g3.columnDefs = () => g3.columns.map((column, i) => ({
  g3: column,
  colId: "c" + i,
  field: "c" + i,
  headerName: column.name,
  headerComponent: G3Head,
  headerComponentParams: { g3: column },
  cellRenderer: g3cell,
  cellClass: column.right ? "g3-r" : column.id ? "g3-id" : "",
  cellClassRules: {
    "g3-flag": (p) => Boolean(p.data && p.data.f && p.data.f["c" + i]),
    "g3-changed": (p) => Boolean(p.data && p.data.e && p.data.e.includes("c" + i)),
  },
  tooltipValueGetter: (p) => (p.data && p.data.f && p.data.f["c" + i]) || undefined,
  editable: column.editable,
  cellEditor: column.choices ? "agSelectCellEditor" : "agTextCellEditor",
  cellEditorParams: column.choices ? { values: ["", ...column.choices] } : {},
  valueSetter: (p) => {
    const value = p.newValue === "" || p.newValue === undefined ? null : p.newValue;
    if (String(value) === String(p.data["c" + i])) return false;
    view.send({ kind: "edit", key: p.data.k, column: "c" + i, value });
    return false; // the cell changes when Python has taken the value
  },
  sortable: column.sortable,
  comparator: () => 0, // Python sorts, over all pages
  resizable: true,
  suppressMenu: true,
  suppressMovable: true,
  minWidth: 72,
  width: column.width,
  flex: column.flex || undefined,
}));

Object.assign(gridOptions, {
  columnDefs: [],
  rowHeight: 28,
  getRowId: (params) => String(params.data.k),
  suppressFieldDotNotation: true,
  suppressPropertyNamesCheck: true,
  ensureDomOrder: true,
  suppressColumnVirtualisation: false,
  stopEditingWhenCellsLoseFocus: true,
  suppressCellFocus: false,
  tooltipShowDelay: 300,
  overlayNoRowsTemplate: "<span class=\"g3-sub\">no rows</span>",
  onSortChanged: (event) => {
    const sorted = event.columnApi.getColumnState().find((state) => state.sort);
    const now = sorted ? `${sorted.colId} ${sorted.sort}` : "";
    if (now === g3.sort) return;
    g3.sort = now;
    view.send({ kind: "sort", column: sorted ? sorted.colId : null, descending: sorted ? sorted.sort === "desc" : false });
  },
  onCellFocused: (event) => {
    if (event.rowIndex === null || event.rowIndex === undefined || !event.column || !event.api) return;
    const row = event.api.getDisplayedRowAtIndex(event.rowIndex);
    if (row && row.data) view.send({ kind: "focus", key: row.data.k, column: event.column.getColId ? event.column.getColId() : String(event.column) });
  },
});

g3.fit = () => {
  const count = Math.max(1, Math.min(g3.visible, gridOptions.api.getDisplayedRowCount()));
  const wide = view.gridDiv.clientWidth;
  const needed = g3.columns.reduce((sum, column) => sum + column.width, 0);
  gridDiv.style.height = g3.headHeight + 28 * count + 3 + (needed > wide ? 15 : 0) + "px";
};
g3.take = (message) => {
  const api = gridOptions.api;
  if (!api) return;
  if (message.kind === "columns") {
    g3.sort = "";
    g3.columns = message.columns;
    g3.visible = message.visible;
    g3.headHeight = message.head;
    api.setHeaderHeight(message.head);
    api.setColumnDefs(g3.columnDefs());
  } else if (message.kind === "rows") {
    const [colId, sort] = message.sort.split(" ");
    g3.sort = message.sort;
    gridOptions.columnApi.applyColumnState({ state: colId ? [{ colId, sort }] : [], defaultState: { sort: null } });
    api.setRowData(message.rows);
    g3.fit();
  } else if (message.kind === "cell") {
    const row = api.getRowNode(String(message.key));
    if (row) {
      Object.assign(row.data, message.data);
      api.refreshCells({ rowNodes: [row], force: true });
    }
  }
};
