// What the platform has told the resident, newest first; reading notes that it was read.
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { answered } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Aloud } from "~/ui/plain/Aloud";
import { Fault } from "~/ui/plain/Fault";
import { Empty, Mark, Waiting } from "~/ui/plain/parts";
import { minuteOf } from "~/ui/time";

export default function MyMessages() {
  const { t } = useTranslation("translation", { keyPrefix: "messages" });
  const { t: all } = useTranslation();
  const { client, person } = useMe();
  const queries = useQueryClient();
  const found = useInfiniteQuery({
    queryKey: ["messages", person.id],
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Parameters>("$messages", { _count: 50, _cursor: pageParam }),
    getNextPageParam: (last) => answered(last).text("next") || undefined,
  });
  const lines = (found.data?.pages ?? []).flatMap((page) => answered(page).all("message"));
  const newest = answered(found.data?.pages.at(-1)).all("message"); // Those that came by the page that was asked for last.
  const news = newest.flatMap((one) => (one.text("read") ? [] : [one.text("id")])).join(",");
  useEffect(() => {
    if (!news) return;
    const parameter = news.split(",").map((id) => ({ name: "id", valueInteger: Number(id) }));
    // What is shown stays marked as new until the page is left.
    void client.post("$message-read", { resourceType: "Parameters", parameter })
      .then(() => queries.invalidateQueries({ queryKey: ["messages"], refetchType: "none" }))
      .catch(() => undefined); // What could not be noted is new the next time, too.
  }, [news, client, queries]);
  if (found.isPending) return <Waiting />;
  return (
    <>
      <Fault error={found.error} again={() => void found.refetch()} />
      {found.isSuccess && !lines.length ? <Empty say={t("none")} /> : null}
      {lines.map((one) => (
        <section key={one.text("id")} className={one.text("urgency") === "red" ? "fault" : "card"}>
          <p className="hint">
            {minuteOf(one.text("made"))} {one.text("urgency") === "red" ? <Mark kind="high">{t("urgent")}</Mark> : null}
            {one.text("read") ? null : <Mark kind="note">{t("new")}</Mark>}
          </p>
          <p>{one.text("text")}</p>
          <Aloud text={one.text("text")} />
        </section>
      ))}
      {found.hasNextPage ? (
        <button type="button" className="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {all(found.isFetchingNextPage ? "app.waiting" : "app.older")}
        </button>
      ) : null}
    </>
  );
}
