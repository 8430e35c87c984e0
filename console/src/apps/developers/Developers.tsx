// The developer's corner: how to begin, the API as it describes itself, and FHIR to look at by the rights of who is signed in.
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { Page } from "~/ui/Page";
import { Parts } from "~/ui/Parts";
import { Begin } from "./Begin";
import { Explorer } from "./Explorer";
import { Reference } from "./Reference";
import "./developers.css";

const TABS = { begin: Begin, reference: Reference, explorer: Explorer };

export default function Developers() {
  const { t } = useTranslation("translation", { keyPrefix: "developers" });
  const [search, setSearch] = useSearchParams();
  return (
    <Page title={t("title")}>
      <Parts
        open={search.get("tab") ?? "begin"}
        onOpen={(tab) => setSearch({ tab })}
        items={Object.entries(TABS).map(([key, Tab]) => ({ key, label: t(`tabs.${key}`), children: <Tab /> }))}
      />
    </Page>
  );
}
