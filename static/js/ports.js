// A port follows the encryption as long as it is one of the usual ones; a port of one's own stays.
document.addEventListener("change", (event) => {
  const select = event.target.closest?.("select[data-ports]");
  if (!select) return;
  const port = document.getElementById(select.dataset.portOf);
  const usual = JSON.parse(select.dataset.ports);
  const known = Object.values(usual).map(String);
  if (port && usual[select.value] && (!port.value || known.includes(port.value))) port.value = usual[select.value];
});
