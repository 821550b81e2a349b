// The other views: all clips, the adjudication queue, and how far people agree. Text is set as text, never as markup.

function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function table(head, rows) {
  const whole = make("table");
  const line = (cells, tag) => {
    const row = make("tr");
    row.append(...cells.map((cell) => make(tag, String(cell))));
    return row;
  };
  whole.append(line(head, "th"), ...rows.map((cells) => line(cells, "td")));
  const scroll = make("div", "", "scroll");
  scroll.append(whole);
  return scroll;
}

export function listClips(place, tasks, chosen) {
  const list = make("ol", "", "clips");
  list.append(...tasks.map((task, number) => {
    const row = make("li");
    const button = make("button");
    button.type = "button";
    button.append(make("span", String(number + 1), "number"), make("span", [task.caption, ...task.names].join(" · "), "words"));
    button.append(...task.verdicts.map((verdict) => make("span", verdict, verdict)));
    button.addEventListener("click", () => chosen(task.task));
    row.append(button);
    return row;
  }));
  place.replaceChildren(list);
}

export function listDisputes(place, disputes, settled) {
  if (!disputes.length) {
    place.replaceChildren(make("p", "Nothing to settle: no clip is approved by one reviewer and rejected by another.", "soft"));
    return;
  }
  place.replaceChildren(...disputes.map((dispute) => {
    const article = make("article", "", "dispute");
    const video = document.createElement("video");
    Object.assign(video, { src: `/media/${dispute.clip}`, controls: true, loop: true, muted: true, playsInline: true, preload: "metadata" });
    const words = make("div");
    const votes = make("ul");
    votes.append(...dispute.votes.map((vote) => {
      const row = make("li");
      row.append(make("strong", vote.reviewer), " ", make("span", vote.verdict, vote.verdict));
      row.append(make("span", [vote.reasons.join(", "), vote.note].filter(Boolean).map((text) => ` · ${text}`).join(""), "soft"));
      return row;
    }));
    const line = make("div", "", "line");
    const [note, begun] = [make("input"), performance.now()];
    Object.assign(note, { placeholder: "Note", maxLength: 1000 });
    note.setAttribute("aria-label", "Note");
    line.append(...["approve", "reject"].map((verdict) => {
      const button = make("button", verdict === "approve" ? "Approve" : "Reject");
      button.type = "button";
      button.addEventListener("click", () => settled(dispute.clip, verdict, note.value, (performance.now() - begun) / 1000));
      return button;
    }), note);
    words.append(make("p", [dispute.caption, dispute.name].filter(Boolean).join(" · ")), votes, line);
    article.append(video, words);
    return article;
  }));
}

const number = (value) => (value === null || value === undefined ? "not defined" : value.toFixed(2));

function estimate({ value, low, high }) {
  return value === null ? number(value) : `${number(value)} (${number(low)} to ${number(high)})`;
}

export function showAgreement(place, found) {
  const people = Object.entries(found.reviewers);
  const between = [
    ["raw agreement", estimate(found.raw), found.raw.n],
    ["Krippendorff's alpha", estimate(found.alpha), found.alpha.n],
    ...found.kappa.map((one) => [`Cohen's kappa, ${one.between.join(" and ")}`, estimate(one.kappa), one.kappa.n]),
    ["Kendall's tau, people and judge", estimate(found.tau), found.tau.n],
  ];
  const themselves = people.map(([name, one]) => [
    name, one.decided, one.approved, one.skipped, one.seconds === null ? "" : one.seconds.toFixed(1),
    one.self.raw.n, estimate(one.self.raw), estimate(one.self.kappa),
  ]);
  const sources = Object.entries(found.sources).map(([name, one]) => [name, one.clips, `${(100 * one.approved).toFixed(0)} %`]);
  const reasons = Object.entries(found.reasons).sort((one, two) => two[1] - one[1]);
  place.replaceChildren(
    make("h2", "Between people"),
    make("p", `${found.clips} clips reviewed, ${found.disputes} in dispute, ${found.adjudicated} adjudicated. `
      + "95 % intervals over clips.", "soft"),
    table(["statistic", "value", "clips"], between),
    make("h2", "Reviewers"),
    table(["who", "decided", "approved", "skipped", "median s", "hidden repeats", "agrees with oneself", "kappa"], themselves),
    make("h2", "What people say of"),
    table(["source", "clips", "approved"], sources),
    make("h2", "Reasons"),
    reasons.length ? table(["reason", "times"], reasons) : make("p", "None given.", "soft"),
  );
}
