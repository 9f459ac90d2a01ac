// Runs before the first paint, so that a chosen theme never flashes. Without a choice the system's preference counts.
{
  const chosen = localStorage.getItem("livegift.theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset["theme"] = chosen;
}
