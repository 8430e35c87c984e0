// The card on paper: the code of a card that a desk has put on the registration, to be printed and carried.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Problem } from "~/fhir/client";
import { answered } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Glyph } from "~/ui/plain/Glyph";
import { Qr } from "~/ui/plain/Qr";
import { Card, Empty, Waiting } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";

export default function MyCard() {
  const { t } = useTranslation("translation", { keyPrefix: "health_card" });
  const { client, person, about } = useMe();
  const card = useQuery({
    queryKey: ["print-card", person.carded],
    queryFn: () => client.post<fhir4.Parameters>(`Patient/${person.carded}/$print-card`, { resourceType: "Parameters" }),
    retry: false,
  });
  const said = card.data && answered(card.data);
  if (card.isPending) return <Waiting />;
  if (card.error instanceof Problem && card.error.status === 422) return <Empty say={t("noCard")} />;
  return (
    <>
      <Fault error={card.error} again={() => void card.refetch()} />
      {said ? (
        <>
          <Card>
            <p className="whose">{t("paper")}<br />{person.name}</p>
            <Qr text={said.text("code")} label={t("label", { name: person.name })} />
            <p className="digits">{said.text("number").replace(/(\d{4})(?=\d)/g, "$1 ")}</p>
            <p>{t("good", { day: dayOf(said.text("until")) })}</p>
            <p className="hint">{said.text("notice")}</p>
            <p className="hint">{t("lost", { number: about.help })}</p>
          </Card>
          <button type="button" className="button first" onClick={() => print()}><Glyph name="print" />{t("print")}</button>
        </>
      ) : null}
    </>
  );
}
