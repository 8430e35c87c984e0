// A list of new devices from a workbook: tried first, then enrolled; secrets and labels are given once.
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered } from "~/fhir/parameters";
import { blobOf } from "~/fhir/workbook";
import { ImportButton, type Tried } from "~/ui/ImportButton";
import { base64Of } from "~/ui/importing";

export function Enrol({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  const client = useClient();
  const send = async (file: File, dryRun: boolean): Promise<Tried> => {
    const parameter = [{ name: "file", valueBase64Binary: await base64Of(file) }, { name: "dry-run", valueBoolean: dryRun }];
    const told = answered(await client.post<fhir4.Parameters>("Device/$enrol", { resourceType: "Parameters", parameter }));
    const [made, would] = [told.number("enrolled"), told.number("would-enrol")];
    const book = told.text("devices");
    return {
      say: t(made === null ? "would-enrol" : "enrolled", { count: made ?? would ?? 0, same: told.number("same") ?? 0 }),
      faults: told.values<string>("refused").map((text) => ({ place: /\d+/.exec(text)?.[0] ?? "", text })),
      ...(book ? { file: { content: blobOf(book), name: `${t("secrets")}.xlsx`, say: t("secrets-say") } } : {}),
    };
  };
  return <ImportButton title={t("enrol")} label={t("enrol")} send={send} onDone={onDone} />;
}
