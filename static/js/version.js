// A version while it is prepared: its status is fetched again when there is news; when it is ready, the page is.
import { follow, showConnection } from "./events.js";

const box = document.getElementById("version-status");
if (box?.dataset.active === "1") {
  const code = box.dataset.job;
  follow({
    socket: `/ws/jobs/${code}/`,
    poll: `/jobs/${code}/events/`,
    after: Number(box.dataset.after),
    onNews(news) {
      htmx.trigger(box, "news");
      if (news.job.is_final) setTimeout(() => location.reload(), 300);
    },
    onState: showConnection(document.querySelector("[data-connection]")),
  });
}
