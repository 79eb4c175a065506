// Shows how far an upload is, and says before it starts that a file is too large. Everything works without it.
"use strict";
{
  const form = document.querySelector("form[data-max-bytes]");
  const file = form.querySelector("input[type=file]");
  const button = form.querySelector("[data-action=continue]");

  file?.addEventListener("change", () => {
    const tooLarge = file.files[0]?.size > Number(form.dataset.maxBytes);
    file.setCustomValidity(tooLarge ? form.dataset.tooLarge : "");
    file.reportValidity();
    if (file.files.length) form.querySelector("[value=upload]").checked = true;
  });

  form.addEventListener("submit", (event) => {
    const way = form.querySelector("[name=way]:checked")?.value;
    button.disabled = true;
    if (way !== "upload" || !file.files.length) return;
    event.preventDefault();
    send(new FormData(form));
  });

  addEventListener("pageshow", () => { button.disabled = false; });

  function isOurs(request) {
    return request.responseText.includes("<body data-page=");
  }

  function send(data) {
    const shown = form.querySelector(".progress");
    const [label, bar] = [shown.querySelector("label"), shown.querySelector("progress")];
    const request = new XMLHttpRequest();
    label.textContent = form.dataset.uploading;
    shown.hidden = false;
    request.upload.onprogress = (event) => { bar.value = event.loaded / event.total; };
    request.upload.onload = () => { bar.removeAttribute("value"); label.textContent = form.dataset.checking; };
    const failed = (text) => { label.textContent = text; bar.value = 0; button.disabled = false; };
    request.onload = () => {
      // a proxy may answer with a page of its own
      if (request.status === 413 && !isOurs(request)) return failed(form.dataset.tooLarge);
      if (!isOurs(request)) return failed(form.dataset.failed);
      if (request.responseURL.split("?")[0] !== form.action) return location.assign(request.responseURL);
      document.open();
      document.write(request.responseText);
      document.close();
    };
    request.onerror = () => failed(form.dataset.failed);
    request.open("POST", form.action);
    request.send(data);
  }
}
