// Sends the page's one form at once: a login link is one click, though only a POST may use it up.
document.querySelector("form[data-submit-now]").requestSubmit();
