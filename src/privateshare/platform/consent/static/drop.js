// Uploads files in parts, so that an upload continues after the connection broke. Without it, the form sends one file.
"use strict";
{
  const form = document.querySelector("form[data-drop]");
  const file = form.querySelector("input[type=file]");
  const button = form.querySelector("[data-action=continue]");
  const uploaded = form.querySelector("[name=uploaded]");
  const shown = form.querySelector(".progress");
  const [label, bar] = [shown.querySelector("label"), shown.querySelector("progress")];
  const MAX_ATTEMPTS = 30, FIRST_WAIT = 1000, LONGEST_WAIT = 20000;

  if (file) {
    file.multiple = true;
    form.querySelector("[data-several]").hidden = false;
  }
  file?.addEventListener("change", () => {
    const size = [...file.files].reduce((sum, one) => sum + one.size, 0);
    const tooMany = file.files.length > Number(form.dataset.maxFiles);
    const tooLarge = size > Number(form.dataset.maxBytes);
    file.setCustomValidity(tooMany ? form.dataset.tooMany : tooLarge ? form.dataset.tooLarge : "");
    file.reportValidity();
  });
  addEventListener("pageshow", () => { button.disabled = false; });

  form.addEventListener("submit", async (event) => {
    button.disabled = true;
    if (!file?.files.length) return;
    event.preventDefault();
    shown.hidden = false;
    try {
      const files = [...file.files];
      const total = files.reduce((sum, one) => sum + one.size, 0) || 1;
      const named = [];
      let before = 0;
      for (const one of files) {
        const id = idOf(one);
        named.push({ id, name: one.name, parts: await send(one, id, (sent) => { bar.value = (before + sent) / total; }) });
        before += one.size;
      }
      bar.removeAttribute("value");
      label.textContent = form.dataset.checking;
      uploaded.value = JSON.stringify(named);
      file.disabled = true;
      form.submit();
    } catch (error) {
      label.textContent = error.message === "413" ? form.dataset.tooLarge : form.dataset.failed;
      bar.value = 0;
      button.disabled = false;
    }
  });

  // the same file has the same id after the page was loaded again
  function idOf(one) {
    const key = [form.dataset.drop, one.name, one.size, one.lastModified].join("|");
    const random = crypto.getRandomValues(new Uint8Array(16));
    const id = sessionStorage.getItem(key) ?? Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(key, id);
    return id;
  }

  async function send(one, id, progress) {
    let attempts = 0, known = null;
    for (;;) {
      try {
        label.textContent = form.dataset.uploading;
        known ??= await ask(id);
        const start = known.parts * known.part_bytes;
        progress(Math.min(start, one.size));
        if (start >= one.size && known.parts > 0) return known.parts;
        await put(id, known.parts, one.slice(start, start + known.part_bytes));
        known = { ...known, parts: known.parts + 1 };
        attempts = 0;
      } catch (error) {
        if (/^4/.test(error.message) || ++attempts >= MAX_ATTEMPTS) throw error;
        known = null;
        label.textContent = form.dataset.waiting;
        await new Promise((wake) => setTimeout(wake, Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempts)));
      }
    }
  }

  async function ask(id) {
    const response = await fetch(`${form.dataset.drop}/${id}`);
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  async function put(id, number, body) {
    const headers = { "x-form-token": form.querySelector("[name=token]").value, "content-type": "application/octet-stream" };
    const response = await fetch(`${form.dataset.drop}/${id}/${number}`, { method: "PUT", headers, body });
    if (!response.ok) throw new Error(String(response.status));
  }
}
