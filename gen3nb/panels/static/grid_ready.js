/* Runs once ipyaggrid's grid is there: listen, and ask Python for what to show. */
{
  const onMessage = (message) => view.g3.take(message);
  view.model.on("msg:custom", onMessage);
  view.on("remove", () => view.model.off("msg:custom", onMessage));
  gridDiv.setAttribute("aria-label", "rows");
  view.send({ kind: "ready" });
}
