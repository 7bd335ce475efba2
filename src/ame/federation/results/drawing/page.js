// Shows the lines of the sites that are picked alone; without this the page is complete as well.
const picked = new Set();
for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const site = button.dataset.site;
    picked.has(site) ? picked.delete(site) : picked.add(site);
    button.setAttribute("aria-pressed", picked.has(site));
    document.body.classList.toggle("picked", picked.size > 0);
    for (const line of document.querySelectorAll(".line"))
      line.classList.toggle("on", picked.has(line.dataset.site));
  });
}
