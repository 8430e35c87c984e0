// Taking my record home: on paper, as the International Patient Summary, or all of it as FHIR, with how far it is.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Card } from "~/ui/plain/parts";
import { download } from "~/ui/download";
import { dayOf } from "~/ui/time";
import { everything, pdf, summary } from "./files";

const KINDS = ["paper", "ips", "fhir"] as const;
type Kind = (typeof KINDS)[number];

export default function MyDownload() {
  const { t } = useTranslation("translation", { keyPrefix: "download" });
  return (
    <>
      <p>{t("about")}</p>
      {KINDS.map((kind) => <Way key={kind} kind={kind} />)}
      <p className="hint">{t("left")}</p>
    </>
  );
}

function Way({ kind }: { kind: Kind }) {
  const { t } = useTranslation("translation", { keyPrefix: "download" });
  const { client, person } = useMe();
  const [count, setCount] = useState(0);
  const make = useMutation({
    mutationFn: async () => {
      setCount(0);
      const name = `${person.name}-${t(`${kind}.file`)}-${dayOf(new Date())}`;
      if (kind === "paper") return download(await pdf(client, person), `${name}.pdf`);
      if (kind === "ips") return download(await summary(client, person), `${name}.json`);
      return download(await everything(client, person, setCount), `${name}.ndjson`);
    },
  });
  return (
    <Card title={t(`${kind}.title`)}>
      <p>{t(`${kind}.about`)}</p>
      {make.isPending ? (
        <div role="status">
          <progress aria-label={t("making")} />
          <p>{count ? t("got", { count }) : t("making")}</p>
        </div>
      ) : null}
      {make.isSuccess ? <p role="status">{t("done")}</p> : null}
      <Fault error={make.error} />
      <button type="button" className="button first" disabled={make.isPending} onClick={() => make.mutate()}>{t(`${kind}.get`)}</button>
    </Card>
  );
}
