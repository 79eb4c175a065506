// Sends the form of a page that asks nothing, once a person sees it: pages are opened in advance too, and not looked at.
"use strict";
{
  const form = document.querySelector("form[data-by-itself]");
  const [entry] = performance.getEntriesByType("navigation");

  function send() {
    if (document.visibilityState !== "visible") return;
    document.removeEventListener("visibilitychange", send);
    form.requestSubmit();
  }

  // who came back or reloads sees the page, and decides
  if (entry?.type === "navigate") {
    document.addEventListener("visibilitychange", send);
    send();
  }
}
