// A button that names a text box copies it. Without this the text can be marked and copied by hand.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copies]");
  if (!button) return;
  const box = document.getElementById(button.dataset.copies);
  box.select();
  try {
    await navigator.clipboard.writeText(box.value);
  } catch {
    document.execCommand("copy");
  }
  button.textContent = "Copied";
});
