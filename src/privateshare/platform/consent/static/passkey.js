// Makes a passkey, or signs in with one. Pages say what to do without it: everything else works without scripts.
"use strict";
{
  const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  async function fetchOptions(form) {
    const token = form.querySelector("[name=token]")?.value ?? "";
    const response = await fetch(form.dataset.challenge, { method: "POST", body: new URLSearchParams({ token }) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const options = await response.json();
    options.challenge = toBytes(options.challenge);
    return options;
  }

  async function makePasskey(options) {
    options.user.id = toBytes(options.user.id);
    for (const known of options.excludeCredentials) known.id = toBytes(known.id);
    const made = await navigator.credentials.create({ publicKey: options });
    return encode(made, {
      attestationObject: toText(made.response.attestationObject),
      transports: made.response.getTransports?.() ?? [],
    });
  }

  async function usePasskey(options) {
    const used = await navigator.credentials.get({ publicKey: options });
    const { authenticatorData, signature, userHandle } = used.response;
    return encode(used, {
      authenticatorData: toText(authenticatorData),
      signature: toText(signature),
      userHandle: userHandle && toText(userHandle),
    });
  }

  function encode(credential, response) {
    response.clientDataJSON = toText(credential.response.clientDataJSON);
    return JSON.stringify({ id: credential.id, rawId: toText(credential.rawId), type: credential.type, response });
  }

  function prepare(form) {
    const problem = form.querySelector("[data-problem]");
    const button = form.querySelector("button");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      problem.hidden = true;
      button.disabled = true;
      try {
        const options = await fetchOptions(form);
        const act = form.dataset.passkey === "add" ? makePasskey : usePasskey;
        form.querySelector("[name=credential]").value = await act(options);
        form.submit();
      } catch (error) {
        console.info("no passkey:", error.name);
        problem.hidden = false;
        problem.focus();
        button.disabled = false;
      }
    });
    form.hidden = false;
  }

  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("form[data-passkey] button")) button.disabled = false;
  });

  if (window.PublicKeyCredential && window.isSecureContext) {
    document.querySelectorAll("form[data-passkey]").forEach(prepare);
    for (const text of document.querySelectorAll("[data-without-passkeys]")) text.hidden = true;
  }
}
