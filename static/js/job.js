// The job page: fetches its changing parts again when there is news.
import { follow, showConnection } from "./events.js";

const page = document.getElementById("job");
// What a job made can be taken from the page as soon as it is there.
function ended() {
  htmx.trigger(page, "news");
  htmx.trigger(document.body, "job-ended");
}

if (page && page.dataset.final === "0") {
  const code = page.dataset.job;
  follow({
    socket: `/ws/jobs/${code}/`,
    poll: `/jobs/${code}/events/`,
    after: Number(page.dataset.after),
    onNews(news) {
      htmx.trigger(page, "news");
      document.dispatchEvent(new CustomEvent("job-news", { detail: news }));
      if (news.job.is_final) setTimeout(ended, 900); // after the throttle
    },
    onState: showConnection(document.querySelector("[data-connection]")),
  });
}
