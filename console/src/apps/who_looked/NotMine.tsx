// 「这不是我的」: a registration that is another's. The steward looks into it; until then nothing changes.
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "@tanstack/react-query";
import { parameters } from "~/fhir/parameters";
import { entries, nameOf } from "~/fhir/reading";
import { useMe } from "~/portal/session";
import { dayOf } from "~/ui/time";
import { Fault } from "~/ui/plain/Fault";
import { Empty, Waiting } from "~/ui/plain/parts";

export default function NotMine() {
  const { t } = useTranslation("translation", { keyPrefix: "who_looked" });
  const { client, person } = useMe();
  const found = useQuery({
    queryKey: ["registrations", person.id],
    queryFn: async () => entries<fhir4.Patient>(await client.get<fhir4.Bundle>("Patient", { _id: person.registrations.join(","), _count: 50 })),
  });
  if (found.isPending) return <Waiting />;
  const own = found.data ?? [];
  return (
    <>
      <Fault error={found.error} again={() => void found.refetch()} />
      <p>{t("notMineAbout")}</p>
      {found.isSuccess && !own.length ? <Empty say={t("noRegistrations")} /> : null}
      {own.map((one) => <Registration key={one.id} patient={one} />)}
    </>
  );
}

function Registration({ patient }: { patient: fhir4.Patient }) {
  const { t } = useTranslation("translation", { keyPrefix: "who_looked" });
  const { client } = useMe();
  const id = useId();
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const send = useMutation({ mutationFn: () => client.post(`Patient/${patient.id}/$not-mine`, parameters({ reason: reason.trim() })) });
  const where = patient.managingOrganization?.display ?? patient.identifier?.find((one) => one.assigner?.display)?.assigner?.display;
  return (
    <section className="card">
      <h2>{where ?? t("registration")}</h2>
      <dl className="facts">
        <div><dt>{t("name")}</dt><dd>{nameOf(patient)}</dd></div>
        <div><dt>{t("born")}</dt><dd>{patient.birthDate ?? "—"}</dd></div>
        <div><dt>{t("address")}</dt><dd>{patient.address?.[0]?.text ?? "—"}</dd></div>
        <div><dt>{t("since")}</dt><dd>{dayOf(patient.meta?.lastUpdated)}</dd></div>
      </dl>
      {send.isSuccess ? <p role="status">{t("notMineSent")}</p> : null}
      {send.isSuccess || open ? null : <button type="button" className="button" onClick={() => setOpen(true)}>{t("notMine")}</button>}
      {open && !send.isSuccess ? (
        <>
          <label htmlFor={id}>{t("notMineWhy")}</label>
          <textarea id={id} className="words" value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
          <Fault error={send.error} />
          <div className="steps">
            <button type="button" className="button" onClick={() => setOpen(false)}>{t("cancel")}</button>
            <button type="button" className="button first" disabled={reason.trim().length < 2 || send.isPending} onClick={() => send.mutate()}>{t("notMineSend")}</button>
          </div>
        </>
      ) : null}
    </section>
  );
}
