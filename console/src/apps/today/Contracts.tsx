// For the registrar: the list by which residents become a doctor's own, from a workbook, tried first.
import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, type Parts } from "~/fhir/parameters";
import { blobOf } from "~/fhir/workbook";
import { ImportButton, type Tried } from "~/ui/ImportButton";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { base64Of } from "~/ui/importing";

export default function Contracts() {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  const client = useClient();
  const send = async (file: File, dryRun: boolean): Promise<Tried> => {
    const parameter = [{ name: "file", valueString: await base64Of(file) }, { name: "dryRun", valueBoolean: dryRun }];
    return triedOf(answered(await client.post<fhir4.Parameters>("CareTeam/$import-residents", { resourceType: "Parameters", parameter })), t);
  };
  const template = async () => {
    const made = await client.get<fhir4.Binary>("CareTeam/$residents-template");
    return { content: blobOf(made.data ?? ""), name: `${t("contracts")}.xlsx` };
  };
  return (
    <Page title={t("contracts")} say={t("contracts-say")} actions={<ImportButton title={t("contracts-import")} send={send} template={template} />}>
      <Alert type="info" showIcon title={t("contracts-rule")} />
      <Nothing say={t("contracts-how")} />
    </Page>
  );
}

function triedOf(told: Parts, t: (key: string, given?: Record<string, unknown>) => string): Tried {
  const places = { added: told.number("new") ?? 0, changed: told.number("changed") ?? 0, same: told.number("same") ?? 0 };
  const faults = told.all("fault");
  const said = faults.length ? t("list-wrong", { count: faults.length }) : t(told.yes("holds") ? "list-holds" : "list-would", places);
  return {
    say: said,
    faults: faults.map((one) => ({ place: String(one.number("line") ?? ""), text: `${one.text("column")}${t("colon")}${one.text("text")}` })),
  };
}
