// What the platform has told the resident, newest first; reading notes that it was read.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { named, text } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Aloud } from "~/ui/plain/Aloud";
import { Fault } from "~/ui/plain/Fault";
import { Empty, Mark, Waiting } from "~/ui/plain/parts";
import { minuteOf } from "~/ui/time";

export default function MyMessages() {
  const { t } = useTranslation("translation", { keyPrefix: "messages" });
  const { client, person } = useMe();
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["messages", person.id], queryFn: () => client.get<fhir4.Parameters>("$messages", { _count: 50 }) });
  const lines = named(found.data?.parameter, "message").map((one) => one.part);
  const unread = lines.filter((one) => !text(one, "read")).map((one) => Number(text(one, "id")));
  const news = unread.join(",");
  useEffect(() => {
    if (!news) return;
    const parameter = news.split(",").map((id) => ({ name: "id", valueInteger: Number(id) }));
    // What is shown stays marked as new until the page is left.
    void client.post("$message-read", { resourceType: "Parameters", parameter }).then(() => queries.invalidateQueries({ queryKey: ["messages"], refetchType: "none" }));
  }, [news, client, queries]);
  if (found.isPending) return <Waiting />;
  return (
    <>
      <Fault error={found.error} again={() => void found.refetch()} />
      {found.isSuccess && !lines.length ? <Empty say={t("none")} /> : null}
      {lines.map((one) => (
        <section key={text(one, "id")} className={text(one, "urgency") === "red" ? "fault" : "card"}>
          <p className="hint">
            {minuteOf(text(one, "made"))} {text(one, "urgency") === "red" ? <Mark kind="high">{t("urgent")}</Mark> : null}
            {text(one, "read") ? null : <Mark kind="note">{t("new")}</Mark>}
          </p>
          <p>{text(one, "text")}</p>
          <Aloud text={text(one, "text")} />
        </section>
      ))}
    </>
  );
}
