/**
 * A resumable upload (tus 1.0.0) of one file: asks how much has arrived, sends the rest, and begins again from there
 * whenever the network, the service or the person interrupts it. By XMLHttpRequest, because fetch reports no upload
 * progress.
 */
const headSeconds = 15;
/** A connection that takes nothing for so long is dead, whatever the system says. */
const silentSeconds = 20;
const patientSeconds = 10;

/**
 * It will not be taken, and sending it again would not help. The message is the service's own. `forgotten`: its record
 * went with it.
 */
export class Refused extends Error {}
/** Something between here and there is missing; later it may work. */
class Later extends Error {}

/** What a problem document says; anything else is a proxy's page, most likely. */
const refusalOf = (request) => {
  try {
    const { detail, title, remedy, details } = JSON.parse(request.responseText);
    const message = [detail ?? title, remedy].filter(Boolean).join(". ");
    return Object.assign(new Refused(message), { forgotten: details?.forgotten === true });
  } catch {
    return new Refused(`HTTP ${request.status}`);
  }
};
const comesBack = (status) => [409, 423, 429, 460, 500, 502, 503, 504].includes(status);

/**
 * @param options.renew answers a fresh `{ url, ticket }`; throws Refused when there is none to have
 * @param options.texts what a person is told when the service cannot: `gone`, `other`, `unreadable`
 * @param options.onState `sending`, `checking`, `waiting` (for the network), `paused`
 */
export const createUpload = (file, { renew, texts, onState, onProgress }) => {
  let target;
  let request;
  let wake = () => {};
  let paused = false;
  let arrived = 0;

  const ask = (method, headers, body) =>
    new Promise((done, failed) => {
      request = new XMLHttpRequest();
      let watch;
      const listen = () => {
        clearTimeout(watch);
        watch = setTimeout(() => request.abort(), silentSeconds * 1000);
      };
      const end = (settle) => () => {
        clearTimeout(watch);
        settle();
      };
      request.open(method, target.url);
      request.setRequestHeader("Authorization", `Bearer ${target.ticket}`);
      request.setRequestHeader("Tus-Resumable", "1.0.0");
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.addEventListener(
        "load",
        end(() => done(request)),
      );
      for (const name of ["error", "abort", "timeout"])
        request.addEventListener(
          name,
          end(() => failed(new Later(""))),
        );
      if (body) {
        const from = file.size - body.size;
        listen();
        request.upload.addEventListener("progress", (event) => {
          arrived = from + event.loaded;
          onProgress(arrived, file.size);
          listen();
        });
        // All is sent: the file is checked now, and that may take its time.
        request.upload.addEventListener("load", () => {
          clearTimeout(watch);
          onState("checking");
        });
      } else request.timeout = headSeconds * 1000;
      request.send(body);
    });

  /** Sends what is missing. @returns whether the file is stored */
  const once = async () => {
    target ??= await renew().catch((error) => {
      throw error instanceof Refused && !comesBack(error.status) ? error : new Later("");
    });
    const head = await ask("HEAD", {});
    if (head.status === 401) {
      target = undefined;
      throw new Later("");
    }
    if (comesBack(head.status)) throw new Later("");
    if (head.status !== 200) throw new Refused(head.status === 410 ? texts.gone : `HTTP ${head.status}`);
    const length = head.getResponseHeader("Upload-Length");
    if (length !== null && Number(length) !== file.size) throw new Refused(texts.other);
    arrived = Number(head.getResponseHeader("Upload-Offset"));
    onProgress(arrived, file.size);
    if (length !== null && arrived === file.size) return true;
    onState("sending");
    const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(arrived) };
    if (length === null) headers["Upload-Length"] = String(file.size);
    const patch = await ask("PATCH", headers, file.slice(arrived));
    if (patch.status === 204) return Number(patch.getResponseHeader("Upload-Offset")) === file.size;
    if (comesBack(patch.status)) throw new Later("");
    throw refusalOf(patch);
  };
  const readable = () =>
    file
      .slice(0, 1)
      .arrayBuffer()
      .then(
        () => true,
        () => false,
      );
  const rest = (seconds) =>
    new Promise((done) => {
      const timer = setTimeout(done, seconds * 1000);
      wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  const online = () => wake();

  return {
    get isSending() {
      return request !== undefined && request.readyState > 0 && request.readyState < 4;
    },
    /** @returns true when the file is stored, false when it was paused. @throws Refused */
    async run() {
      paused = false;
      addEventListener("online", online);
      try {
        for (let tries = 0; ; ) {
          const before = arrived;
          try {
            if (await once()) return true;
          } catch (error) {
            if (!(error instanceof Later) && !paused) throw error;
          }
          if (paused) return false;
          if (!(await readable())) throw new Refused(texts.unreadable);
          tries = arrived > before ? 0 : tries + 1;
          onState(arrived === file.size ? "checking" : "waiting");
          await rest(Math.min(2 ** tries, patientSeconds));
          if (paused) return false;
        }
      } finally {
        removeEventListener("online", online);
        if (paused) onState("paused");
      }
    },
    pause() {
      paused = true;
      request?.abort();
      wake();
    },
  };
};
