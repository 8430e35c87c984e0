// Reports of laboratories, newest first.
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { said } from "~/fhir/reading";
import { flagOf } from "~/fhir/results";
import { Listing } from "~/portal/listing";
import { Card, Empty, Mark } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";

export default function MyResults() {
  const { t } = useTranslation("translation", { keyPrefix: "results" });
  return (
    <>
      <p className="hint">{t("about")}</p>
      <Listing<fhir4.DiagnosticReport>
        type="DiagnosticReport" search={{ _sort: "-date", _include: "DiagnosticReport:result" }} empty={<Empty say={t("none")} />}
      >
        {(reports, others) => (
          <Card>
            <ul className="rows">
              {reports.map((one) => {
                const flags = (one.result ?? []).map((each) => flagOf((others.get(each.reference ?? "") as fhir4.Observation | undefined)?.interpretation));
                return (
                  <li key={one.id}>
                    <Link className="row" to={`/results/report/${one.id}`}>
                      <span>
                        <strong>{said(one.code)}</strong>
                        <span className="hint block">{dayOf(one.effectiveDateTime ?? one.issued)} {one.performer?.[0]?.display ?? ""}</span>
                      </span>
                      <Flags flags={flags} />
                    </Link>
                  </li>
                );
              })}
            </ul>
          </Card>
        )}
      </Listing>
    </>
  );
}

/** How many of a report's results its laboratory has flagged. */
function Flags({ flags }: { flags: ReturnType<typeof flagOf>[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "results" });
  const count = (flag: string) => flags.filter((one) => one === flag).length;
  if (count("high")) return <Mark kind="high">{t("countHigh", { count: count("high") })}</Mark>;
  if (count("low")) return <Mark kind="low">{t("countLow", { count: count("low") })}</Mark>;
  if (count("note")) return <Mark kind="note">{t("countNote", { count: count("note") })}</Mark>;
  return flags.length && count("good") === flags.length ? <Mark kind="good">{t("allGood")}</Mark> : null;
}
