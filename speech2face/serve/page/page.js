// The page of `speech2face serve`. It talks to /v1 alone, and keeps no more than this session.

const $ = (id) => document.getElementById(id);
const [texts, about] = await Promise.all([
  fetch("/texts.json").then((answer) => answer.json()).then((all) => {
    const language = navigator.languages.map((one) => one.slice(0, 2)).find((one) => one in all);
    document.documentElement.lang = language ?? "en";
    return { ...all.en, ...all[language] };
  }),
  fetch("/v1/about").then((answer) => answer.json()),
]);

/** Return a text of the table, with values in place of {names}. */
const t = (key, values = {}) =>
  (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
for (const one of document.querySelectorAll("[data-t-label]"))
  one.setAttribute("aria-label", t(one.dataset.tLabel));

/** Make an element; `on…` are listeners, `aria-…` and other names with a dash attributes. */
function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function svg(paths, attributes) {
  const name = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(name, "svg");
  for (const [key, value] of Object.entries({ "aria-hidden": "true", ...attributes }))
    made.setAttribute(key, value);
  for (const path of paths) {
    const line = document.createElementNS(name, "path");
    line.setAttribute("d", path);
    made.append(line);
  }
  return made;
}

/** Tell those who listen instead of looking. */
const say = (text) => { $("said").textContent = text; };

// ---------------------------------------------------------------- what can be chosen

const KINDS = {
  portrait: { accept: "image/*,.heic,.heif,.avif", icon: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-2 4 4", "M15.5 9.5h.01"] },
  audio: { accept: "audio/*,video/*,.opus,.flac,.aiff,.wma", icon: ["M5 10v4", "M9 7v10", "M13 4v16", "M17 8v8", "M21 11v2", "M1 11.5v1"] },
  video: { accept: "video/*,.mkv", icon: ["M3 6h12v12H3z", "M15 10.5l6-3.5v10l-6-3.5z"] },
};
KINDS.driving = KINDS.video;

const EXAMPLES = { portrait: ["portrait.png", "image/png"], audio: ["speech.wav", "audio/wav"] };

const FACES = {
  neutral: ["M8.7 10v.8M15.3 10v.8", "M8.5 16h7"],
  happy: ["M8.7 10v.8M15.3 10v.8", "M7.5 14.5q4.5 5 9 0"],
  sad: ["M8.7 10.5v.8M15.3 10.5v.8", "M8 17q4-4 8 0", "M6.5 7.8l3-1.6M17.5 7.8l-3-1.6"],
  angry: ["M8.7 10.5v.8M15.3 10.5v.8", "M8.5 16.5q3.5-2 7 0", "M6.5 6.2l3.4 1.9M17.5 6.2l-3.4 1.9"],
  surprised: ["M8.7 10v.8M15.3 10v.8", "M12 14a2 2.5 0 1 0 .01 0", "M6.5 6.2q1.8-1.6 3.6-.6M17.5 6.2q-1.8-1.6-3.6-.6"],
  fearful: ["M8.7 10v.8M15.3 10v.8", "M7.5 16.5q1.5-2 3 0t3 0t3 0", "M6.5 7.2l3.2-1.9M17.5 7.2l-3.2-1.9"],
  disgusted: ["M8.7 10.5v.8M15.3 10.5v.8", "M8 15.5q2 2 4 .2t4.3 1.3", "M6.5 7l3.2.9M17.5 7l-3.2.9"],
  contempt: ["M8.7 10v.8M15.3 10v.8", "M8.5 16.3q4 .2 7.3-2.6", "M6.5 7.3h3.2M14.5 6.4l3-.9"],
};

about.tasks.live = { files: ["portrait"], settings: about.tasks.animate.settings };

const slider = (name, max, step = 0.05, min = 0) => ({ kind: "slider", name, min, max, step });
const choice = (name, options) => ({ kind: "choice", name, options });
const select = (name, options) => ({ kind: "select", name, options });
const SIZES = ["", "256", "384", "512", "768"];
const STRENGTH = about.most.strength;
const EMOTION = { kind: "emotion", name: "emotion" };
const GENERATOR = select("generator", about.generators);

/** The controls of each task: what is seen first, and what is folded away. */
const CONTROLS = {
  animate: [
    [EMOTION, slider("liveliness", STRENGTH), slider("pose_strength", STRENGTH), { kind: "gaze", name: "gaze" }],
    [slider("expression_scale", STRENGTH), choice("pose", ["natural", "still"]), choice("blink", ["natural", "off"]),
     choice("full", ["true", "false"]), select("size", SIZES), GENERATOR,
     select("fps", ["24", "25", "29.97", "30", "50", "60"]), { kind: "number", name: "seed" }],
  ],
  live: [
    [EMOTION, slider("liveliness", STRENGTH), slider("pose_strength", STRENGTH), { kind: "gaze", name: "gaze" }],
    [choice("pose", ["natural", "still"]), choice("blink", ["natural", "off"])],
  ],
  dub: [
    [slider("strength", STRENGTH), EMOTION, select("sync_mode", ["freeze", "cut", "loop", "bounce", "stretch"])],
    [{ kind: "switch", name: "keep_mouth_when_silent" }, select("mix_original", ["", "-24", "-18", "-12"]),
     select("face_select", ["largest", "left", "right"]), select("size", SIZES)],
  ],
  reenact: [
    [{ kind: "regions", name: "regions", options: ["lips", "eyes", "brows", "head"] }, choice("absolute", ["false", "true"])],
    [slider("expression_scale", STRENGTH), choice("full", ["true", "false"]), select("size", SIZES), GENERATOR],
  ],
};
const PREVIEW_SECONDS = 3;
const MOST_LAG = 2.5; // seconds
const LOOKS = { emotion: 1, gaze: 1 }; // what shows in a single frame
const STEERED = ["emotion", "gaze", "pose", "blink", "pose_strength", "liveliness"];
const LOOKED_AT = ["animate", "live"];

// ---------------------------------------------------------------- what has been chosen

let task = "animate";
let running = null; // the job that is made: {id, events}
let shown = null; // the job whose result is on the stage
let pictureRun = 0; // counts portraits, so that a late answer about an earlier one is dropped
const files = {}; // by role
const portrait = { faces: [], face: 1, url: "", look: "" };
let conversation = null; // the live session: {socket, stop}
const words = { animate: {}, dub: {}, reenact: {}, live: {} }; // what differs from the usual

const declared = (name) => about.tasks[task].settings[name];
const usual = (name) => String(declared(name).default ?? "");
const word = (name) => words[task][name] ?? usual(name);

function set(name, value) {
  if (String(value) === usual(name)) delete words[task][name];
  else words[task][name] = String(value);
  $("reset").hidden = Object.keys(words[task]).length === 0;
  if (conversation) steer();
  else if (name in LOOKS) lookAgain();
}

const ask = () => {
  const { files: needed } = about.tasks[task];
  return task === "reenact" ? [...needed, "audio"] : needed;
};
const missing = () => about.tasks[task].files.filter((role) => !files[role]);

// ---------------------------------------------------------------- the controls

function field(name, body, output = null, tag = "label") {
  const title = el("span", { className: "name" }, t(name));
  if (declared(name)?.help) title.title = declared(name).help;
  const head = el(tag === "fieldset" ? "legend" : "span", { className: "field-head" }, title, output);
  return el(tag, { className: `field ${tag}` }, head, body);
}

const BUILD = {
  slider({ name, min, max, step }) {
    const output = el("output", {}, Number(word(name)).toFixed(2).replace(/0$/, ""));
    const input = el("input", {
      type: "range", id: `set-${name}`, min, max, step, value: word(name),
      oninput: () => { output.textContent = Number(input.value).toFixed(2).replace(/0$/, ""); paint(input); set(name, input.value); },
    });
    paint(input);
    return field(name, input, output);
  },
  choice({ name, options }) {
    return field(name, segmented(name, options, word(name), (value) => set(name, value)), null, "fieldset");
  },
  select({ name, options }) {
    const input = el("select", { id: `set-${name}`, onchange: () => set(name, input.value) },
      ...options.map((value) => el("option", { value }, texts[`${name}.${value}`] ?? value)));
    input.value = options.find((value) => value === word(name)) ?? options[0];
    return field(name, input);
  },
  number({ name }) {
    const input = el("input", { type: "number", id: `set-${name}`, min: 0, step: 1, value: word(name),
      oninput: () => { if (input.validity.valid && input.value) set(name, input.value); } });
    return field(name, input);
  },
  switch({ name }) {
    const input = el("input", { type: "checkbox", id: `set-${name}`, checked: word(name) === "true",
      onchange: () => set(name, input.checked) });
    return el("label", { className: "field switch" }, el("span", { className: "name" }, t(name)), input);
  },
  emotion({ name }) {
    let [label, strength = "1"] = word(name).split(":");
    const output = el("output");
    const input = el("input", { type: "range", id: "set-intensity", min: 0.1, max: about.most.emotion, step: 0.1, value: strength,
      oninput: () => { strength = input.value; update(); } });
    const update = () => {
      const calm = label === "neutral";
      input.disabled = calm;
      output.textContent = calm ? "–" : Number(strength).toFixed(1);
      paint(input);
      set(name, calm ? "neutral" : Number(strength) === 1 ? label : `${label}:${Number(strength)}`);
    };
    const chips = el("div", { className: "chips" }, ...about.emotions.map((one) =>
      el("label", { className: "chip" },
        el("input", { type: "radio", name, value: one, checked: one === label, onchange: () => { label = one; update(); } }),
        svg(FACES[one] ?? [], { viewBox: "0 0 24 24", class: "glyph" }), el("span", {}, t(`emotion.${one}`)))));
    update();
    const amount = el("label", { className: "field label" },
      el("span", { className: "field-head" }, el("span", { className: "name" }, t("intensity")), output), input);
    return el("div", {}, field(name, chips, null, "fieldset"), amount);
  },
  gaze({ name }) {
    const aims = word(name).includes(",");
    const angles = aims ? word(name).split(",") : ["0", "0"];
    const aim = el("div", { className: "aim", hidden: !aims }, ...[["yaw", 25], ["pitch", 15]].map(([axis, most], index) => {
      const output = el("output", {}, `${angles[index]}°`);
      const input = el("input", { type: "range", id: `set-${axis}`, min: -most, max: most, step: 1, value: angles[index],
        oninput: () => { angles[index] = input.value; output.textContent = `${input.value}°`; paint(input); set(name, angles.join(",")); } });
      paint(input);
      return el("label", { className: "field label" },
        el("span", { className: "field-head" }, el("span", { className: "name" }, t(axis)), output), input);
    }));
    const picked = segmented(name, ["natural", "camera", "aim"], aims ? "aim" : word(name), (value) => {
      aim.hidden = value !== "aim";
      set(name, value === "aim" ? angles.join(",") : value);
    });
    return el("div", {}, field(name, picked, null, "fieldset"), aim);
  },
  regions({ name, options }) {
    const on = new Set(word(name) === "all" ? options : word(name).split("+"));
    const boxes = el("div", { className: "segments many" }, ...options.map((one) => el("label", {},
      el("input", { type: "checkbox", value: one, checked: on.has(one), onchange: (event) => {
        if (event.target.checked) on.add(one); else on.delete(one);
        if (on.size === 0) { on.add(one); event.target.checked = true; }
        set(name, on.size === options.length ? "all" : options.filter((each) => on.has(each)).join("+"));
      } }), el("span", {}, t(`regions.${one}`)))));
    return field(name, boxes, null, "fieldset");
  },
};

function segmented(name, options, value, chosen) {
  return el("div", { className: "segments" }, ...options.map((one) => el("label", {},
    el("input", { type: "radio", name, value: one, checked: one === value, onchange: () => chosen(one) }),
    el("span", {}, t(`${name}.${one}`)))));
}

/** Show how far a slider is, which not every browser does by itself. */
function paint(input) {
  const share = (input.value - input.min) / (input.max - input.min);
  input.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
}

let open = false;
function drawControls() {
  const build = (one) => BUILD[one.kind](one);
  const [first, rest] = CONTROLS[task];
  const more = el("details", { open, ontoggle: () => { open = more.open; } },
    el("summary", {}, t("more")), ...rest.map(build));
  $("controls").replaceChildren(...first.map(build), more);
  $("reset").hidden = Object.keys(words[task]).length === 0;
}

$("reset").onclick = () => { words[task] = {}; drawControls(); lookAgain(); $("settings").querySelector("input").focus(); };
$("settings").onsubmit = (event) => event.preventDefault();

// ---------------------------------------------------------------- files

function drawCards() {
  $("cards").replaceChildren(...ask().map((role) => card(role)));
  $("example").hidden = !ask().some((role) => role in EXAMPLES && !files[role]);
}

function card(role) {
  const file = files[role];
  const input = el("input", { type: "file", id: `file-${role}`, accept: KINDS[role].accept,
    "aria-describedby": `about-${role}`, onchange: () => input.files[0] && take(role, input.files[0]) });
  const isOptional = !about.tasks[task].files.includes(role);
  const label = el("label", { className: "drop-label" }, input,
    el("span", { className: "thumb" }, thumb(role)),
    el("span", { className: "drop-text" },
      el("strong", {}, t(`role.${role}`), isOptional ? el("em", {}, ` ${t("optional")}`) : ""),
      el("span", { id: `about-${role}`, className: "about" }, file ? file.name : t(`ask.${role}`))));
  const made = el("div", { className: `drop ${file ? "full" : ""}`, id: `drop-${role}` }, label);
  if (role === "audio") made.append(soundTools());
  if (file) made.append(el("button", { type: "button", className: "clear", "aria-label": t("clear", { name: file.name }), onclick: () => take(role, null) }, "×"));
  made.ondragover = (event) => { event.preventDefault(); made.classList.add("over"); };
  made.ondragleave = () => made.classList.remove("over");
  made.ondrop = (event) => {
    event.preventDefault(); event.stopPropagation();
    made.classList.remove("over");
    if (event.dataTransfer.files[0]) take(role, event.dataTransfer.files[0]);
  };
  return made;
}

function thumb(role) {
  if (role === "portrait" && files.portrait && portrait.url) return el("img", { src: portrait.url, alt: "" });
  return svg(KINDS[role].icon, { viewBox: "0 0 24 24", class: "glyph" });
}

// A drop beside the cards goes to the first that fits.
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) {
    const kind = file.type.split("/")[0];
    const fits = (role) => (kind === "image") === (role === "portrait") && (role !== "audio" || kind !== "video" || !ask().some((one) => one in { video: 1, driving: 1 }));
    const role = ask().find((one) => fits(one) && !files[one]) ?? ask().find(fits);
    if (role) take(role, file);
  }
};

async function take(role, file) {
  complain("");
  if (file && file.size > about.limits.megabytes * 1e6) {
    complain(t("tooLarge", { name: file.name, size: Math.ceil(file.size / 1e6), most: about.limits.megabytes }));
    return;
  }
  if (file) files[role] = file; else delete files[role];
  if (role === "audio") sound.src = file ? newUrl("audio", file) : "";
  if (role === "portrait") await look(file);
  drawCards();
  view(null);
  if (document.activeElement === document.body) $(`file-${role}`)?.focus({ preventScroll: true });
}

const urls = {};
function newUrl(name, file) {
  URL.revokeObjectURL(urls[name] ?? "");
  return (urls[name] = URL.createObjectURL(file));
}

/** Let the service find the faces, and show the picture as it is read. */
async function look(file) {
  const run = ++pictureRun;
  Object.assign(portrait, { faces: [], face: 1, look: "", shown: "", url: file ? newUrl("portrait", file) : "" });
  if (!file) return;
  hint(t("looking"));
  drawCards(); view(null);
  const form = new FormData();
  form.append("portrait", file);
  try {
    const seen = await call("/v1/faces", { method: "POST", body: form });
    if (run !== pictureRun) return;
    Object.assign(portrait, { faces: seen.faces, url: seen.picture, look: seen.look });
    lookAgain();
    hint(seen.faces.length > 1 ? t("chooseFace", { count: seen.faces.length }) : seen.notes.join(" "));
  } catch (error) {
    if (run !== pictureRun) return;
    delete files.portrait;
    portrait.url = "";
    complain(error.message);
    hint("");
  }
}

/** Let the portrait on the stage follow the settings that show at rest: one frame at a time. */
let drawingLook = false;
let wantedLook = null; // what was asked for meanwhile
async function lookAgain() {
  if (!LOOKED_AT.includes(task) || !portrait.look || running || conversation) return;
  const chosen = Object.entries(words[task]).filter(([name]) => name in LOOKS);
  const plain = chosen.every(([name, value]) => name !== "emotion" && !value.includes(","));
  if (portrait.faces.length > 1) chosen.push(["face_select", portrait.face]);
  wantedLook = plain ? "" : `${portrait.look}?${new URLSearchParams(chosen)}`;
  if (!$("video").hidden) view(null);
  if (drawingLook) return;
  drawingLook = true;
  while (wantedLook !== null) {
    const [address, run] = [wantedLook, pictureRun];
    wantedLook = null;
    const answer = address && (await fetch(address).catch(() => null));
    if (run !== pictureRun) continue;
    if (address && !answer?.ok) continue; // the portrait stays as it is; a job would say why
    portrait.shown = address ? newUrl("look", await answer.blob()) : "";
    $("picture").src = portrait.shown || portrait.url;
  }
  drawingLook = false;
}

function drawFaces() {
  const several = portrait.faces.length > 1;
  $("faces").replaceChildren(...portrait.faces.map(([left, top, right, bottom], index) => {
    const made = el(several ? "button" : "span", { className: "face" });
    if (several) {
      Object.assign(made, { type: "button", onclick: () => { portrait.face = index + 1; drawFaces(); lookAgain(); $("faces").children[index].focus(); } });
      made.setAttribute("aria-pressed", String(portrait.face === index + 1));
      made.setAttribute("aria-label", t("face", { number: index + 1 }));
      made.append(el("span", {}, String(index + 1)));
    }
    const percent = (share) => `${100 * Math.min(1, Math.max(0, share))}%`;
    Object.assign(made.style, { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) });
    return made;
  }));
}

$("example").onclick = async () => {
  $("example").disabled = true;
  for (const role of ask()) {
    const [name, type] = EXAMPLES[role] ?? [];
    if (name && !files[role]) {
      const content = await (await fetch(`/examples/${name}`)).blob();
      await take(role, new File([content], name, { type }));
    }
  }
  $("example").disabled = false;
};

// ---------------------------------------------------------------- sound: listen and record

const sound = new Audio();
let recorder = null;
const play = el("button", { type: "button", className: "quiet", onclick: () => (sound.paused ? sound.play() : sound.pause()) });
const record = el("button", { type: "button", className: "quiet", onclick: () => (recorder ? recorder.stop() : startRecording()) });
for (const name of ["play", "pause", "ended"])
  sound.addEventListener(name, () => { play.textContent = t(sound.paused ? "play" : "pause"); });

function soundTools() {
  play.textContent = t(sound.paused ? "play" : "pause");
  play.hidden = !files.audio;
  if (!recorder) record.textContent = t("record");
  record.hidden = !(navigator.mediaDevices && window.MediaRecorder);
  return el("div", { className: "tools" }, play, record);
}

async function startRecording() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const pieces = [];
    const started = performance.now();
    recorder = new MediaRecorder(stream);
    const tick = () => { record.textContent = t("recording", { seconds: Math.floor((performance.now() - started) / 1000) }); };
    const clock = setInterval(tick, 500);
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = () => {
      clearInterval(clock);
      for (const track of stream.getTracks()) track.stop();
      const type = recorder.mimeType;
      recorder = null;
      take("audio", new File(pieces, `${t("recorded")}.${type.includes("mp4") ? "m4a" : "webm"}`, { type }));
    };
    recorder.start();
    tick();
  } catch (error) {
    complain(t("noMicrophone", { reason: error.message }));
  }
}

// ---------------------------------------------------------------- the stage

function hint(text) { $("hint").textContent = text; $("hint").hidden = !text; }
function complain(text) { $("alert").textContent = text; $("alert").hidden = !text; }

/** Show a job's result, or (null) what it is made from. */
function view(job) {
  shown = job ?? shown;
  const source = task === "dub" ? files.video : portrait.url && files.portrait;
  const result = job !== null;
  $("video").hidden = !result;
  if (!result) $("video").pause();
  $("source").hidden = result || task !== "dub" || !source;
  if (result || task !== "dub") $("source").pause();
  $("portrait").hidden = result || task === "dub" || !source || !$("live").hidden;
  $("empty").hidden = result || Boolean(source);
  if (task === "dub" && source && $("source").dataset.name !== source.name + source.size) {
    $("source").src = newUrl("video", source);
    $("source").dataset.name = source.name + source.size;
  }
  if (!result && source && task !== "dub") {
    const picture = (LOOKED_AT.includes(task) && portrait.shown) || portrait.url;
    if ($("picture").src !== picture) $("picture").src = picture;
    $("picture").alt = `${t("role.portrait")}: ${files.portrait.name}`;
    drawFaces();
  }
  $("views").hidden = !(shown && source);
  $("view-source").textContent = t(task === "dub" ? "viewVideo" : "viewPortrait");
  $("view-source").setAttribute("aria-pressed", String(!result));
  $("view-result").setAttribute("aria-pressed", String(result));
  $("result").hidden = !result;
  if (result) hint("");
}
$("view-source").onclick = () => view(null);
$("view-result").onclick = () => view(shown);

function setTask(name, focus = false) {
  conversation?.stop();
  task = name;
  for (const tab of $("tabs").children) {
    const here = tab.dataset.task === name;
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
    if (here && focus) tab.focus();
  }
  $("studio").setAttribute("aria-labelledby", `tab-${name}`);
  $("title").textContent = t(`title.${name}`);
  $("lead").textContent = t(`lead.${name}`);
  $("empty-text").textContent = t(`empty.${name}`);
  document.title = `${t(name)} · speech2face`;
  shown = null;
  complain("");
  $("preview").hidden = name === "live";
  $("make").textContent = t(name === "live" ? "liveStart" : "make");
  drawCards(); drawControls(); view(null); lookAgain();
}
for (const tab of $("tabs").children) tab.onclick = () => setTask(tab.dataset.task);
$("tabs").onkeydown = (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const names = [...$("tabs").children].map((tab) => tab.dataset.task);
  if (step) setTask(names[(names.indexOf(task) + step + names.length) % names.length], true);
};

// ---------------------------------------------------------------- jobs

/** Ask the service; what it refuses is thrown with its own words. */
async function call(address, options = {}) {
  let answer;
  try { answer = await fetch(address, options); } catch { throw new Error(t("busyElse")); }
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(body.message);
  return body;
}

const agreed = () => localStorage.getItem("speech2face.consent") === "yes";
$("consent").hidden = agreed();
$("agree").onchange = () => {
  if ($("agree").checked) localStorage.setItem("speech2face.consent", "yes");
  else localStorage.removeItem("speech2face.consent");
  complain("");
};

async function make(preview) {
  complain("");
  if (missing().length) {
    complain(t("needed", { what: missing().map((role) => t(`role.${role}`)).join(", ") }));
    $(`file-${missing()[0]}`).focus();
    return;
  }
  if (!agreed()) {
    complain(t("consentFirst"));
    $("agree").focus();
    return;
  }
  $("consent").hidden = true;
  if (task === "live") { converse(); return; }
  const form = new FormData();
  for (const role of ask()) if (files[role]) form.append(role, files[role]);
  for (const [name, value] of Object.entries(words[task])) form.append(name, value);
  if (files.portrait && task !== "dub" && portrait.faces.length > 1) form.append("face_select", portrait.face);
  if (preview) form.append("preview", Math.round(PREVIEW_SECONDS * (task === "animate" ? Number(word("fps")) : 25)));
  working(t("stage.send"));
  try {
    const job = await call(`/v1/${task}`, { method: "POST", body: form });
    remember(job.id);
    follow(job.id);
  } catch (error) {
    working("");
    complain(error.message);
  }
}
$("make").onclick = () => make(false);
$("preview").onclick = () => make(true);

function working(text, progress = null) {
  const busy = text !== "";
  if (busy && $("work").hidden) say(text);
  $("work").hidden = !busy;
  $("actions").hidden = busy;
  $("frame").classList.toggle("busy", busy);
  $("cancel").textContent = t(task === "live" ? "liveStop" : "cancel");
  $("progress").hidden = task === "live";
  if (!busy) return;
  const counted = progress && progress.total > 0;
  const left = counted && progress.left !== null ? ` · ${t("left", { time: duration(progress.left) })}` : "";
  $("doing").textContent = text + left;
  if (counted) { $("progress").max = progress.total; $("progress").value = progress.done; }
  else $("progress").removeAttribute("value");
}

const duration = (seconds) =>
  seconds < 90 ? t("seconds", { count: Math.max(1, Math.round(seconds)) }) : t("minutes", { count: Math.round(seconds / 60) });

function follow(id) {
  const events = new EventSource(`/v1/jobs/${id}/events`);
  let stage = "";
  running = { id, events };
  const end = () => { events.close(); running = null; working(""); };
  events.addEventListener("removed", () => { end(); forget(id); });
  events.onmessage = (event) => {
    const job = JSON.parse(event.data);
    if (job.state === "waiting") working(t("stage.waiting", { ahead: job.ahead }));
    if (job.state === "running" && job.progress) {
      working(t(`stage.${job.progress.stage}`, job.progress), job.progress);
      if (job.progress.stage !== stage) say($("doing").textContent);
      stage = job.progress.stage;
    }
    if (job.state === "failed") { end(); forget(id); complain(job.error.message); }
    if (job.state === "done") { end(); say(t("done")); present(job, true); drawShelf(); }
  };
}

$("cancel").onclick = async () => {
  conversation?.stop();
  if (!running) return;
  const { id, events } = running;
  events.close();
  running = null;
  working("");
  forget(id);
  say(t("cancelled"));
  $("make").focus();
  await call(`/v1/jobs/${id}`, { method: "DELETE" }).catch((error) => complain(error.message));
};

const stem = (name) => name.replace(/^.*\//, "").replace(/\.[^.]*$/, "");
const nameOf = (job) => about.tasks[job.task].files.map((role) => stem(job.files[role])).join("_");

/** Return a setting as people say it: "Happy 0.5". */
const readable = (key, value) => {
  const [label, strength] = value.split(":");
  return key === "emotion" ? [t(`emotion.${label}`), strength].filter(Boolean).join(" ") : texts[`${key}.${value}`] ?? value;
};

/** Put a finished job on the stage. */
function present(job, focus = false) {
  if (job.task !== task) setTask(job.task);
  view(job);
  const name = nameOf(job);
  if ($("video").dataset.key !== job.id) {
    $("video").src = job.result;
    $("video").dataset.key = job.id;
  }
  $("video").setAttribute("aria-label", `${t("viewResult")}: ${name}`);
  if (focus) $("video").play().catch(() => {}); // where a browser lets no page play by itself
  $("result-title").textContent = `${t(job.settings.preview ? "resultPreview" : "resultWhole")} · ${name}`;
  $("notes").replaceChildren(...job.notes.map((note) => el("li", {}, note)));
  const facts = Object.entries(job.settings).filter(([key]) => key !== "preview");
  $("facts").replaceChildren(...(facts.length ? facts.flatMap(([key, value]) =>
    [el("dt", {}, t(key)), el("dd", {}, readable(key, value))]) : [el("dd", { className: "usual" }, t("usual"))]));
  $("command").replaceChildren(...job.command.split(/ (?=-)/).flatMap((part) => [el("span", {}, part), " "]));
  $("copy").textContent = t("copy");
  $("download").href = `${job.result}?download=${encodeURIComponent(`${name}.mp4`)}`;
  $("sidecar").href = job.sidecar;
  $("remove").onclick = async () => {
    await call(`/v1/jobs/${job.id}`, { method: "DELETE" }).catch((error) => complain(error.message));
    $("video").removeAttribute("src");
    $("video").dataset.key = "";
    forget(job.id);
    shown = null;
    view(null);
    say(t("removed"));
  };
}

$("copy").onclick = async () => {
  try { await navigator.clipboard.writeText($("command").textContent.trim()); }
  catch { getSelection().selectAllChildren($("command")); document.execCommand("copy"); }
  $("copy").textContent = t("copied");
  say(t("copied"));
};

// ---------------------------------------------------------------- live: a microphone in, a face out

const steer = () =>
  conversation.socket.send(JSON.stringify({ steer: Object.fromEntries(STEERED.map((name) => [name, word(name)])) }));

async function converse() {
  working(t("liveBegin"));
  let stream, context;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    context = new AudioContext();
  } catch (error) {
    working("");
    complain(t("noMicrophone", { reason: error.message }));
    return;
  }
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/v1/live`);
  socket.binaryType = "arraybuffer";
  const stop = (why = "") => {
    socket.onclose = null;
    socket.close();
    for (const track of stream.getTracks()) track.stop();
    context.close();
    conversation = null;
    $("live").hidden = true;
    $("frame").classList.remove("on-air");
    working("");
    view(null);
    complain(why);
    say(t("liveEnd"));
  };
  conversation = { socket, stop };
  const hearing = context.createScriptProcessor(1024, 1, 1);
  let fps, last = -1;
  let sent = 0; // samples
  let late = false; // where the machine does not keep pace, sound is left out instead of waiting ever longer
  const lag = () => sent / context.sampleRate - (last + 1) / fps;
  hearing.onaudioprocess = ({ inputBuffer }) => {
    const samples = inputBuffer.getChannelData(0);
    late = lag() > (late ? 1 : MOST_LAG);
    if (socket.readyState !== WebSocket.OPEN || late) return;
    sent += samples.length;
    socket.send(Int16Array.from(samples, (sample) => 32767 * Math.max(-1, Math.min(1, sample))));
  };
  const chosen = portrait.faces.length > 1 ? { face_select: portrait.face } : {};
  socket.onopen = () => {
    socket.send(JSON.stringify({ rate: context.sampleRate, ...words.live, ...chosen }));
    socket.send(files.portrait);
  };
  socket.onmessage = async ({ data }) => {
    if (typeof data === "string") {
      const told = JSON.parse(data);
      if (told.message) { stop(told.message); return; }
      [$("live").width, $("live").height, fps] = [told.width, told.height, told.fps];
      context.createMediaStreamSource(stream).connect(hearing).connect(context.destination); // which stays silent
      return;
    }
    const head = new DataView(data);
    const [number, sound] = [head.getUint32(0, true), head.getUint32(4, true)];
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 8 + sound)], { type: "image/jpeg" }));
    if (number <= last || !conversation) return;
    last = number;
    $("live").getContext("2d").drawImage(picture, 0, 0);
    $("live").dataset.frame = number;
    if ($("live").hidden) { $("live").hidden = false; $("frame").classList.add("on-air"); view(null); }
    if (number % 10 === 0) working(t(late ? "liveLate" : "liveLag", { seconds: lag().toFixed(1) }));
  };
  socket.onclose = () => stop(t("busyElse"));
}

// ---------------------------------------------------------------- this session

const KEY = "speech2face.jobs";
const known = () => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
const remember = (id) => sessionStorage.setItem(KEY, JSON.stringify([id, ...known()]));
function forget(id) {
  sessionStorage.setItem(KEY, JSON.stringify(known().filter((one) => one !== id)));
  drawShelf();
}

async function drawShelf() {
  const found = await Promise.all(known().map((id) => call(`/v1/jobs/${id}`).catch(() => null)));
  const jobs = found.filter((job) => job?.state === "done");
  $("gallery").hidden = jobs.length === 0;
  $("shelf").replaceChildren(...jobs.map((job) => {
    const name = nameOf(job);
    const what = [t(job.settings.preview ? "resultPreview" : "resultWhole"), job.settings.emotion && readable("emotion", job.settings.emotion)].filter(Boolean).join(" · ");
    return el("li", {}, el("button", { type: "button", "aria-label": t("show", { name: `${name}, ${what}` }),
      onclick: () => { present(job); $("stage").scrollIntoView({ block: "nearest" }); $("stage").focus({ preventScroll: true }); } },
      el("video", { src: `${job.result}#t=0.8`, muted: true, preload: "metadata", tabIndex: -1, "aria-hidden": "true" }),
      el("span", { className: "shelf-name" }, name), el("span", { className: "shelf-what" }, what)));
  }));
  const open = found.find((job) => job && (job.state === "waiting" || job.state === "running"));
  if (open && !running) { if (open.task !== task) setTask(open.task); follow(open.id); }
}

setTask("animate");
drawShelf();
document.documentElement.dataset.ready = "yes";
