// The resident's code, to be shown at a desk. It renews itself before it is over: nobody has to hurry.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { answered } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Glyph } from "~/ui/plain/Glyph";
import { Qr } from "~/ui/plain/Qr";
import { Card, Waiting } from "~/ui/plain/parts";
import { minuteOf } from "~/ui/time";

const EARLY = 60_000; // milliseconds before its end in which a code is renewed
const LEAST = 15_000;
const MOST = 240_000; // A code lasts for 5 minutes, also where the telephone's clock is slow.

export default function MyCode() {
  const { t } = useTranslation("translation", { keyPrefix: "health_card" });
  const { client, person } = useMe();
  const shown = useQuery({
    queryKey: ["show-card", person.id],
    queryFn: () => client.post<fhir4.Parameters>(`Patient/${person.id}/$show-card`, { resourceType: "Parameters" }),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: true,
    refetchInterval: (query) => {
      const left = Date.parse(answered(query.state.data).text("until")) - Date.now() - EARLY || LEAST;
      return Math.min(MOST, Math.max(LEAST, left));
    },
  });
  const said = shown.data && answered(shown.data);
  if (shown.isPending) return <Waiting />;
  return (
    <>
      <Fault error={shown.error} again={() => void shown.refetch()} />
      {said ? (
        <Card>
          <p className="whose">{person.name}</p>
          <Qr text={said.text("code")} label={t("label", { name: person.name })} />
          <p className="digits" aria-label={t("digits")}>{spaced(said.text("digits"))}</p>
          <p className="hint">{t("until", { time: minuteOf(said.text("until")).slice(11) })}</p>
          <p className="hint">{said.text("notice")}</p>
        </Card>
      ) : null}
      <Link className="button" to="/code/print"><Glyph name="print" />{t("pages.print")}</Link>
    </>
  );
}

const spaced = (digits: string): string => digits.replace(/(\d{4})(?=\d)/g, "$1 ");
