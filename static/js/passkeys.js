// Passkeys need the browser's help: this asks for it and sends the form with its answer.
// <form data-passkey="get|create"> holds the question, or the address to ask for it; what it shows hides until we run.

const supported = window.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined;

const question = async (form) => {
  if (!form.dataset.questionUrl) return JSON.parse(form.dataset.question);
  const answer = await fetch(form.dataset.questionUrl, { method: "POST" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

const credential = async (kind, { publicKey }) => {
  if (kind === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
};

for (const form of supported ? document.querySelectorAll("form[data-passkey]") : []) {
  const part = form.querySelector("[data-passkey-part]");
  const note = form.querySelector("[data-passkey-note]");
  part.hidden = false;
  part.querySelector("button").addEventListener("click", async () => {
    note.hidden = true;
    try {
      const made = await credential(form.dataset.passkey, await question(form));
      form.elements.credential.value = JSON.stringify(made);
      form.submit();
    } catch {
      note.hidden = false;
    }
  });
}
