/* Runs once ipyaggrid's grid is there: listen, and ask Python for what to show. */
{
  const onMessage = (message) => view.g3.take(message);
  view.model.on("msg:custom", onMessage);
  view.on("remove", () => view.model.off("msg:custom", onMessage));
  gridDiv.setAttribute("aria-label", "rows");
  // JupyterLab would take a letter typed over a cell as a command: X cuts the notebook's cell, DD deletes it
  gridDiv.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  });
  view.send({ kind: "ready" });
}
