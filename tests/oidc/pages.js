/**
 * The pages that people see, plain enough to be driven. Each says as `data-step` of its root what
 * it is: `login` (`input[name=login]`, `#sign-in`, `#cancel`), `consent` (`#allow`, `#deny`), `code`
 * (`input[name=user_code]`, `#continue`), `question` (`#confirm`, `#abort`), `confirmed`, `problem`.
 */
import { text } from "node:stream/consumers";

export { codeConfirmed, codeForm, codeQuestion, interaction, problem };

const REFUSED = { error: "access_denied", error_description: "refused by the user" };

/** Asks who somebody is and what they allow, and takes the answers. */
async function interaction(provider, control, request, response) {
  const { prompt, params, session, uid } = await provider.interactionDetails(request, response);
  if (request.method === "GET") {
    const show = { login: loginPage, consent: consentPage }[prompt.name];
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(show(uid, params, session));
    return;
  }
  const form = new URLSearchParams(await text(request));
  const result = await decide(provider, control, prompt, params, session, form);
  const merge = { mergeWithLastSubmission: prompt.name === "consent" };
  await provider.interactionFinished(request, response, result, merge);
}

async function decide(provider, control, prompt, params, session, form) {
  if (form.get("answer") !== "yes") {
    return REFUSED;
  }
  if (prompt.name === "login") {
    return { login: { accountId: form.get("login") } };
  }
  // Always a new one: each sign-in is counted and revoked by itself.
  const owner = { accountId: session.accountId, clientId: params.client_id };
  const grant = new provider.Grant(owner);
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
  grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
  const scopes = prompt.details.missingResourceScopes ?? {};
  for (const [resource, missing] of Object.entries(scopes)) {
    grant.addResourceScope(resource, missing.join(" "));
  }
  const grantId = await grant.save();
  control.granted(grantId);
  return { consent: { grantId } };
}

function loginPage(uid) {
  return page(
    "login",
    "Sign in",
    `<form method="post" action="/interaction/${uid}">
      <label>Name <input name="login" autocomplete="off" autofocus required></label>
      <button id="sign-in" name="answer" value="yes">Sign in</button>
      <button id="cancel" name="answer" value="no" formnovalidate>Cancel</button>
    </form>`,
  );
}

function consentPage(uid, params, session) {
  return page(
    "consent",
    "Allow access?",
    `<p>${escaped(session.accountId)} lets ${escaped(params.client_id)} use
      ${escaped(params.scope)}.</p>
    <form method="post" action="/interaction/${uid}">
      <button id="allow" name="answer" value="yes" autofocus>Allow</button>
      <button id="deny" name="answer" value="no">Deny</button>
    </form>`,
  );
}

function codeForm(context, form, _out, error) {
  const button = `<button id="continue" type="submit" form="op.deviceInputForm">Continue</button>`;
  // Whoever drives this would type the same code again.
  context.body = error
    ? page("problem", "Not connected", `<p>${escaped(error.name)}</p>`)
    : page("code", "Connect a device", `${form}${button}`);
}

function codeQuestion(context, form, client, _device, code) {
  context.body = page(
    "question",
    "Is this the code of your device?",
    `<p>${escaped(client.clientName)} shows <code>${escaped(code)}</code>.</p>${form}
    <button id="confirm" form="op.deviceConfirmForm">Yes</button>
    <button id="abort" form="op.deviceConfirmForm" name="abort" value="yes">No</button>`,
  );
}

function codeConfirmed(context) {
  context.body = page("confirmed", "Connected", "<p>You can go back to your device.</p>");
}

function problem(context, { error, error_description: description }) {
  context.type = "html";
  context.body = page("problem", "Not possible", `<p>${escaped(`${error}: ${description}`)}</p>`);
}

function page(step, title, content) {
  return `<!doctype html>
<html lang="en" data-step="${step}">
  <head><meta charset="utf-8"><link rel="icon" href="data:,"><title>${title}</title></head>
  <body><h1>${title}</h1>${content}</body>
</html>`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
