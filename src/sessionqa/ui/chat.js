// What the page does without the server: it copies, saves files, and keeps conversations in the
// browser's storage. Texts go through as they are; whatever is read back is checked by the server.
window.sessionqa = (() => {
  const KEY = "sessionqa.conversations";
  const MOST = 100;
  const NAME_LENGTH = 60;
  const ABOVE_QUESTION = 12;

  const isKept = (one) => ["id", "name", "turns"].every((key) => typeof one?.[key] === "string");

  const read = () => {
    try {
      return JSON.parse(localStorage.getItem(KEY) ?? "[]").filter(isKept);
    } catch {
      return [];
    }
  };

  // The oldest go where there is no more room.
  const write = (list) => {
    for (let kept = list.slice(0, MOST); ; kept = kept.slice(0, -1)) {
      try {
        localStorage.setItem(KEY, JSON.stringify(kept));
        return;
      } catch {
        if (!kept.length) return;
      }
    }
  };

  // The list of conversations, with one of them chosen, as Gradio wants it.
  const names = (id) => {
    const choices = read().map((one) => [one.name, one.id]);
    const known = choices.some(([, value]) => value === id);
    return { __type__: "update", choices, value: known ? id : null, visible: !!choices.length };
  };

  const keep = (id, turns) => {
    const questions = JSON.parse(turns || "[]");
    if (!questions.length) return [id, names(id)];
    const list = read();
    const before = list.find((one) => one.id === id);
    const first = questions[0].question.trim().replace(/\s+/g, " ").slice(0, NAME_LENGTH);
    const kept = before ?? { id: `${Date.now()}-${Math.random().toString(36).slice(2)}`, name: first };
    const rest = list.filter((one) => one.id !== kept.id);
    write([{ ...kept, turns }, ...rest]);
    return [kept.id, names(kept.id)];
  };

  // The last question is brought to the top of the conversation, so that its answer is read from
  // the beginning, and stays there until somebody scrolls. Gradio itself follows an answer only if
  // it grows by less than 100 pixels at a time.
  let following = false;
  let inView = false;
  const follow = () => {
    const chat = document.querySelector("#chat");
    const log = chat?.querySelector("[role=log]");
    const asked = log && [...log.querySelectorAll(".message.user")].at(-1);
    if (!following || !asked || !chat.offsetParent) return;
    if (!inView) chat.scrollIntoView({ block: "nearest" });
    inView = true;
    const top = asked.getBoundingClientRect().top - log.getBoundingClientRect().top;
    log.scrollTop += top - ABOVE_QUESTION;
  };

  let watched = null;
  const followLast = () => {
    following = true;
    inView = false;
    const chat = document.querySelector("#chat");
    if (watched === chat) return;
    watched = chat;
    const stop = () => {
      following = false;
    };
    new MutationObserver(follow).observe(chat, { childList: true, subtree: true });
    new ResizeObserver(follow).observe(chat);
    for (const act of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      chat.addEventListener(act, stop, { passive: true });
    }
  };

  // Until the server has read it, nothing can be asked: it would put the question away again.
  const open = (id) => {
    followLast();
    const turns = read().find((one) => one.id === id)?.turns ?? "[]";
    return [id, turns, { __type__: "update", interactive: false }];
  };

  const rename = (id, name) => {
    const short = name.trim().slice(0, NAME_LENGTH);
    write(read().map((one) => (one.id === id && short ? { ...one, name: short } : one)));
    return [names(id), ""];
  };

  const remove = (id) => {
    write(read().filter((one) => one.id !== id));
    return names("");
  };

  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // Without TLS a browser has no clipboard but for this machine: then the text is put into a box,
  // selected and copied the old way.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const box = document.createElement("textarea");
      box.value = text;
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
  };

  // While an answer comes, it can be stopped and the conversation not be left: new, again and edit
  // are off, stop is on, and other conversations can be neither opened nor deleted.
  let busyNow = false;
  const busy = (on) => {
    busyNow = on;
    if (on) {
      document.querySelector(".sources")?.scrollTo(0, 0);
      followLast();
    }
    const states = [!on, !on, !on, on, !on, !on];
    return states.map((interactive) => ({ __type__: "update", interactive }));
  };
  const isBusy = () => busyNow;

  const linked = () => new URLSearchParams(location.search).get("q") ?? "";

  return { busy, copy, isBusy, keep, linked, names, open, remove, rename, save };
})();
