// The family: who may do something for me, for whom I may, and what waits for an answer. Each right stands alone.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { answered } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Glyph } from "~/ui/plain/Glyph";
import { Empty, Waiting } from "~/ui/plain/parts";
import { Asked, Asking } from "./Asks";
import { Mine, Theirs } from "./Ties";

export default function MyFamily() {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { own, again } = useMe();
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["family"], queryFn: () => own.get<fhir4.Parameters>("$family") });
  const said = answered(found.data);
  // A switch is free again when what stands now is shown: the next tap must not bring back what the last has ended.
  const done = () => queries.invalidateQueries({ queryKey: ["family"] });
  // For whom one acts is known to the whole page.
  const ended = async () => {
    await done();
    again();
  };
  if (found.isPending) return <Waiting />;
  const [mine, theirs, asked, asking] = ["mine", "theirs", "asked", "asking"].map((name) => said.all(name)) as [P, P, P, P];
  return (
    <>
      <Fault error={found.error} again={() => void found.refetch()} />
      {asked.map((one) => <Asked key={one.text("ask")} ask={one} done={done} />)}
      <section className="stack" aria-labelledby="mine">
        <h2 id="mine">{t("mine")}</h2>
        {found.isSuccess && !mine.length ? <Empty say={t("noMine")} /> : null}
        {mine.map((one) => <Mine key={one.text("tie")} tie={one} done={done} />)}
      </section>
      <section className="stack" aria-labelledby="theirs">
        <h2 id="theirs">{t("theirs")}</h2>
        {found.isSuccess && !theirs.length ? <Empty say={t("noTheirs")} /> : null}
        {theirs.map((one) => <Theirs key={one.text("tie")} tie={one} done={ended} />)}
      </section>
      {asking.map((one) => <Asking key={one.text("ask")} ask={one} done={done} />)}
      <Link className="button first" to="/family/ask"><Glyph name="plus" />{t("askThem")}</Link>
    </>
  );
}

type P = ReturnType<ReturnType<typeof answered>["all"]>;
