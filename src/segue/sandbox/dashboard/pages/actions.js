// What pages do beside showing: selects that send their form, buttons that post to the control API,
// and the address it is reached at, where a sample names it.
for (const select of document.querySelectorAll("select[data-submits]"))
  select.addEventListener("change", () => select.form.submit());
for (const button of document.querySelectorAll("button[data-post]"))
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await fetch(button.dataset.post, {
      method: "POST", headers: { "content-type": "application/json" }, body: button.dataset.body,
    });
    if (answer.ok) location.reload();
    else {
      button.disabled = false;
      button.textContent = (await answer.json()).error;
    }
  });
for (const here of document.querySelectorAll("[data-origin]")) here.textContent = location.origin;
