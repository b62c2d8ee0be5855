// The live connection to what happens on the server: a socket that resumes where it was, and polling where sockets fail.
//
//   const live = follow({ socket: "/ws/jobs/abc/", poll: "/jobs/abc/events/", after: 12, onNews(news) {...}, onState(s) {...} });
//   live.close();
//
// onNews gets each message of type "news" once, in order; `news.last_seq` is where the next one begins. onState gets
// "live", "waiting" (trying again), "polling", "signed-out", "gone" or "ended".

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const POLL_MS = 3_000;
const FAILURES_BEFORE_POLLING = 3;
const QUIET_MS = 40_000; // after so long a sleep a socket may be dead without knowing it
const SIGNED_OUT = 4401;
const NOT_FOUND = 4404;

export function follow({ socket, poll, after = 0, onNews, onState = () => {} }) {
  let seq = after;
  let failures = 0;
  let open = null;
  let closed = false;
  let retryTimer = 0;
  let pollTimer = 0;
  let seenAt = Date.now();

  function address() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    return `${scheme}//${location.host}${socket}?after=${seq}`;
  }

  function take(news) {
    if (news.type !== "news") return;
    if (news.events?.length && news.events[0].seq > seq + 1 && news.events[0].seq !== 1 && seq !== 0) {
      open?.close(); // a number is missing: ask again from where we are
      return;
    }
    const fresh = (news.events ?? []).filter((event) => event.seq > seq);
    seq = Math.max(seq, news.last_seq ?? seq);
    onNews({ ...news, events: fresh });
    if (news.job?.is_final && seq >= news.job.last_seq) end("ended");
  }

  function end(state) {
    if (closed) return;
    closed = true;
    clearTimeout(retryTimer);
    clearInterval(pollTimer);
    open?.close();
    onState(state);
  }

  function connect() {
    if (closed) return;
    const ws = new WebSocket(address());
    open = ws;
    ws.onopen = () => {
      onState("live");
      clearInterval(pollTimer);
      pollTimer = 0;
    };
    ws.onmessage = (message) => {
      failures = 0;
      seenAt = Date.now();
      take(JSON.parse(message.data));
    };
    ws.onclose = (event) => {
      if (closed || ws !== open) return;
      if (event.code === SIGNED_OUT) return end("signed-out");
      if (event.code === NOT_FOUND) return end("gone");
      failures += 1;
      if (poll && failures >= FAILURES_BEFORE_POLLING) startPolling();
      else onState("waiting");
      const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
      retryTimer = setTimeout(connect, wait * (0.7 + 0.6 * Math.random()));
    };
  }

  function startPolling() {
    if (pollTimer) return;
    onState("polling");
    pollTimer = setInterval(look, POLL_MS);
    look();
  }

  async function look() {
    try {
      const answer = await fetch(`${poll}?after=${seq}`, { headers: { Accept: "application/json" } });
      if (answer.redirected) return end("signed-out");
      if (answer.status === 404) return end("gone");
      if (answer.ok) take(await answer.json());
    } catch {
      onState("waiting");
    }
  }

  function wake() {
    if (closed || document.hidden) return;
    if (open?.readyState === WebSocket.OPEN && Date.now() - seenAt < QUIET_MS) return;
    clearTimeout(retryTimer);
    const old = open;
    open = null;
    old?.close();
    connect();
  }

  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  connect();
  return {
    close() {
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", wake);
      closed = true;
      clearTimeout(retryTimer);
      clearInterval(pollTimer);
      open?.close();
    },
    get seq() {
      return seq;
    },
  };
}

// Shows the state of the connection in <p data-connection data-word-waiting=... data-word-polling=... hidden>.
export function showConnection(element) {
  return (state) => {
    if (!element) return;
    const word = { waiting: element.dataset.wordWaiting, polling: element.dataset.wordPolling }[state];
    element.hidden = !word;
    element.textContent = word ?? "";
    element.dataset.state = state;
    if (state === "signed-out") location.reload();
  };
}
