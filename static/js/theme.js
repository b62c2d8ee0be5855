// Sets the theme before the first paint, so that a dark page never flashes white. Not a module: modules run later.
(() => {
  const saved = localStorage.getItem("theme") ?? "system";
  document.documentElement.dataset.theme = saved;
})();
