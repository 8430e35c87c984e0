// What I allow and forbid: a switch each, in plain words. It counts from the tap on.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { answered, type Parts } from "~/fhir/parameters";
import { mayActFor } from "~/portal/people";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Card, Waiting } from "~/ui/plain/parts";
import { Switch } from "~/ui/plain/Switch";

export default function MyConsents() {
  const { t } = useTranslation("translation", { keyPrefix: "consents" });
  const { t: all } = useTranslation();
  const { client, person } = useMe();
  const queries = useQueryClient();
  const key = ["choices", person.id];
  const found = useQuery({ queryKey: key, queryFn: () => client.get<fhir4.Parameters>(`Patient/${person.id}/$choices`) });
  const choose = useMutation({
    mutationFn: ({ name, on }: { name: string; on: boolean }) =>
      client.post(`Patient/${person.id}/$choose`, {
        resourceType: "Parameters",
        parameter: [{ name: "choice", valueString: name }, { name: "on", valueBoolean: on }],
      }),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
  if (found.isPending) return <Waiting />;
  const said = answered(found.data);
  const choices = said.all("choice");
  const may = mayActFor(person);
  const row = (one: Parts, hint: string) => (
    <Switch
      key={one.text("name")} label={one.text("words")} hint={hint || undefined} on={one.yes("on")} busy={choose.isPending || !may}
      onSwitch={() => choose.mutate({ name: one.text("name"), on: !one.yes("on") })}
    />
  );
  return (
    <>
      <Fault error={found.error ?? choose.error} again={found.error ? () => void found.refetch() : undefined} />
      <p>{may ? t("about") : all("app.seesOnly", { name: person.name })}</p>
      <Card title={t("general")}>{choices.filter((one) => one.yes("usual")).map((one) => row(one, one.text("about")))}</Card>
      <Card title={t("sensitive")}>
        <p className="hint">{t("sensitiveAbout")}</p>
        {choices.filter((one) => !one.yes("usual")).map((one) => row(one, one.text("about")))}
      </Card>
      <Card title={t("institutions")}>
        <p className="hint">{t("institutionsAbout")}</p>
        {said.all("institution").map((one) => row(one, t(one.text("about"))))}
        {said.all("institution").length ? null : <p>{t("noInstitutions")}</p>}
      </Card>
    </>
  );
}
