// Keys, as players have them, and what each does.

const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: () => player.seek(player.time - SKIP),
  ArrowRight: () => player.seek(player.time + SKIP),
  Enter: () => edit(chosen),
};
const LETTER_KEYS = {
  e: () => edit(player.isPlaying ? player.lit ?? chosen : chosen),
  n: () => goToDoubt(1),
  p: () => goToDoubt(-1),
  c: () => chosen && toggleCheck(homes.get(chosen).neighbours),
  "<": () => player.faster(-1),
  ">": () => player.faster(1),
  "?": () => byId("help-dialog").showModal(),
};

document.addEventListener("keydown", (event) => {
  const {key, target} = event;
  const control = event.ctrlKey || event.metaKey;
  if (control && key.toLowerCase() === "s") {
    event.preventDefault();
    if (!byId("save-dialog").open) saving.open();
    return;
  }
  if (document.querySelector("dialog[open]") || event.altKey) return;
  const types = target.closest("input:not([type=range]), select, textarea");
  if (control && !types && ["z", "y"].includes(key.toLowerCase())) {
    event.preventDefault();
    travel(key.toLowerCase() === "y" || event.shiftKey);
    return;
  }
  if (types || control) return;
  // A focused button or the slider keeps the keys that work it.
  const works = target.closest("button, input") && [" ", "Enter"].includes(key);
  if (works || (target.id === "seek" && key.startsWith("Arrow"))) return;
  let act = KEYS[key];
  if (event.shiftKey && key === "ArrowLeft") act = () => goToWord(-1);
  if (event.shiftKey && key === "ArrowRight") act = () => goToWord(1);
  if (!act && byId("letter-keys").checked) act = LETTER_KEYS[key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});
