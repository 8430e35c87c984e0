// Who has looked at my record: who, where, why, when, in sentences of the platform; each may be asked about.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { answered, type Parts } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Empty, Mark, Waiting } from "~/ui/plain/parts";
import { Switch } from "~/ui/plain/Switch";
import { AskLook } from "./AskLook";

export default function WhoLooked() {
  const { t } = useTranslation("translation", { keyPrefix: "who_looked" });
  const { client, person } = useMe();
  const [own, setOwn] = useState(false);
  const [asking, setAsking] = useState("");
  const found = useInfiniteQuery({
    queryKey: ["who-looked", person.id],
    initialPageParam: "",
    queryFn: async ({ pageParam }) => answered(await client.get<fhir4.Parameters>(`Patient/${person.id}/$who-looked`, { _count: 50, _cursor: pageParam })),
    getNextPageParam: (last) => last.text("next") || undefined,
  });
  if (found.isPending) return <Waiting />;
  const mine = new Set(person.registrations.map((id) => `Patient/${id}`));
  const shown = (found.data?.pages ?? []).flatMap((said) => said.all("look")).filter((look) => own || !mine.has(look.text("who")));
  return (
    <>
      <Fault error={found.error} again={() => void found.refetch()} />
      <p>{t("about")}</p>
      <div className="others">
        <Link className="button" to="/looked/asked">{t("pages.asked")}</Link>
        <Link className="button" to="/looked/not-mine">{t("pages.not-mine")}</Link>
      </div>
      <Switch label={t("own")} on={own} onSwitch={() => setOwn(!own)} />
      {found.isSuccess && !shown.length && !found.hasNextPage ? <Empty say={t("none")} /> : null}
      {shown.map((look) => {
        const key = keyOf(look);
        return (
          <section key={key} className="card">
            <p>{look.text("text")}</p>
            {look.yes("emergency") ? <Mark kind="high">{t("emergency")}</Mark> : null}
            {look.yes("refused") ? <Mark kind="note">{t("refused")}</Mark> : null}
            {asking === key ? (
              <AskLook patient={person.id} look={look} close={() => setAsking("")} />
            ) : (
              <button type="button" className="button quiet" onClick={() => setAsking(key)}>{t("ask")}</button>
            )}
          </section>
        );
      })}
      {found.hasNextPage ? (
        <button type="button" className="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>{t("older")}</button>
      ) : null}
    </>
  );
}

const keyOf = (look: Parts): string => `${look.text("first")} ${look.text("who")} ${look.text("text")}`;
