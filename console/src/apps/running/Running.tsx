// How the installation does: whether its parts are well, its jobs, and the room that it takes.
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { Page } from "~/ui/Page";
import { Parts } from "~/ui/Parts";
import { Health } from "./Health";
import { JobList } from "./JobList";
import { Storage } from "./Storage";

export default function Running() {
  const { t } = useTranslation("translation", { keyPrefix: "running" });
  const { who } = useHere();
  const more = who.role === "system-administrator"
    ? [{ key: "jobs", label: t("jobs"), children: <JobList /> }, { key: "storage", label: t("storage"), children: <Storage /> }]
    : [];
  return (
    <Page title={t("title")}>
      <Parts items={[{ key: "health", label: t("health"), children: <Health /> }, ...more]} />
    </Page>
  );
}
