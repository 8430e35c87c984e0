// The registrations that are one resident: who registered him, under which name and numbers.
import { useTranslation } from "react-i18next";
import { Rows } from "~/ui/Rows";
import { comma } from "~/ui/joining";
import { houseOf, type First, type Registration } from "./view";

export function Linked({ view }: { view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const number = (one: Registration, wanted: (kind: string) => boolean) =>
    (one.numbers ?? []).filter(([kind]) => wanted(kind)).map(([, value]) => value).join(comma());
  return (
    <Rows<Registration>
      dataSource={view.registrations}
      columns={[
        { title: t("institution"), text: (one) => houseOf(view.houses, one.house) || t("unknown-house") },
        { title: t("name"), text: (one) => one.name },
        { title: t("number"), text: (one) => number(one, (kind) => kind === "id-card") },
        { title: t("card"), text: (one) => number(one, (kind) => kind !== "id-card") },
        { title: t("updated"), text: (one) => one.updated ?? "" },
      ]}
    />
  );
}
