// Comfort for the wizard: focus the first field with an error, and say so when asking the server went wrong.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector('#step [aria-invalid="true"]')?.focus();
});

function trouble() {
  const place = document.querySelector("#findings, #folder-choice [role=status]");
  if (place) place.textContent = "The answer did not arrive. Save the draft, then try again.";
}
document.addEventListener("htmx:responseError", trouble);
document.addEventListener("htmx:sendError", trouble);

// A session that has ended answers with the login page, which must not land inside the form.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.responseURL.includes("/login/")) {
    event.detail.shouldSwap = false;
    window.location.reload();
  }
});
