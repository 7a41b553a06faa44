// Everything here is comfort: each page does its work without it.

const announce = (text) => {
  const region = document.querySelector("[data-live]");
  region.textContent = "";
  // A region that is filled in the same frame as it is emptied is not read out.
  requestAnimationFrame(() => { region.textContent = text; });
};

customElements.define("quantity-stepper", class extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-step]");
      if (button) this.step(button.dataset.step);
    });
    this.input.addEventListener("input", () => this.refresh());
    this.refresh();
  }

  step(direction) {
    direction === "up" ? this.input.stepUp() : this.input.stepDown();
    this.refresh();
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  refresh() {
    const value = Number(this.input.value);
    this.querySelector("[data-step=down]").disabled = value <= Number(this.input.min);
    this.querySelector("[data-step=up]").disabled = value >= Number(this.input.max);
  }
});

customElements.define("theme-switch", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button[value]");
      if (button) this.choose(button.value);
    });
    this.refresh();
  }

  choose(theme) {
    document.cookie = `theme=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax`;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    this.refresh();
  }

  refresh() {
    const current = document.documentElement.dataset.theme ?? "";
    for (const button of this.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.value === current));
    }
  }
});

// Filters: a change sends the form where the list is in sight; in the sheet of a narrow screen people choose several first.
customElements.define("filter-form", class extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    form.addEventListener("formdata", ({ formData }) => {
      for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
    });
    document.addEventListener("change", ({ target }) => {
      if (target.form !== form) return;
      if (target.matches("select") || getComputedStyle(this).position !== "fixed") form.requestSubmit();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.querySelector("[data-close]").click();
    });
  }
});

customElements.define("add-to-bag", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.add(event.target);
    });
  }

  // The form's own address answers, as without scripts; its page brings the message and the count.
  async add(form) {
    const button = form.querySelector("[type=submit]");
    if (button.ariaBusy) return;
    button.ariaBusy = "true";
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const told = page.querySelector(".notices .notice");
      if (!told) throw new Error(answer.statusText);
      const count = page.querySelector("[data-bag-count]").textContent;
      for (const place of document.querySelectorAll("[data-bag-count]")) place.textContent = count;
      this.say(told.className, told.textContent);
    } catch {
      form.submit();
    } finally {
      button.ariaBusy = null;
    }
  }

  say(className, text) {
    const notice = this.querySelector("[data-notice]");
    notice.hidden = false;
    notice.className = className;
    notice.querySelector("[data-text]").textContent = text;
    announce(text);
  }
});

// A second click must not send a form twice. The button is not disabled: its name and value belong to what is sent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  if (event.submitter) event.submitter.ariaBusy = "true";
});
// Back brings the page as it was left, guard included.
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("button[aria-busy]")) button.ariaBusy = null;
});

document.addEventListener("change", ({ target }) => {
  const form = target.closest("form[data-send-on-change]");
  if (form && target.checkValidity()) form.requestSubmit();
});

document.querySelector(".error-summary")?.focus();
