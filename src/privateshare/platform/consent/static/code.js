// Fills in the recovery code of a link such as /me/#code=… . It is after the #, so no server or log ever sees it.
"use strict";
{
  const input = document.querySelector("input[name=code]");
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (input && code) {
    input.value = code;
    history.replaceState(null, "", location.pathname + location.search);
    input.form.querySelector("button").focus();
  }
}
