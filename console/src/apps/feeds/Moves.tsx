// What may be done with a feed as a whole: its next states, and its joining package. The server says whether it may be.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { App, Button, Dropdown, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { saidIn } from "~/fhir/parameters";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { download } from "~/ui/download";
import { question, questionnaire } from "~/ui/questionnaire/asking";
import { pathOf, useIsCentre, type Feed, type State } from "./feed";

// The life of a feed (exchange/feeds/data/states.toml), as far as buttons go.
const NEXT: Record<State, State[]> = {
  applied: ["testing"], testing: ["trial", "paused"], trial: ["live", "testing", "paused"], live: ["trial", "testing", "paused"],
  paused: ["live", "trial", "testing"],
};

export function Moves({ feed }: { feed: Feed }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const { message } = App.useApp();
  const queries = useQueryClient();
  const isCentre = useIsCentre();
  const [to, setTo] = useState<State | null>(null);
  const moving = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => client.post(pathOf(feed.name, "/move"), { to, why: "", ...saidIn(response) }),
    onSuccess: () => {
      setTo(null);
      void queries.invalidateQueries({ queryKey: ["feed", feed.name] });
    },
  });
  const packing = useMutation({
    mutationFn: () => client.file(pathOf(feed.name, "/package")),
    onSuccess: (file) => download(file, `${feed.name}.zip`),
    onError: () => void message.error(t("not-packed")),
  });
  const states = NEXT[feed.state].filter((one) => isCentre || one === "paused");
  const title = to ? t("move-to", { state: t(`states.${to}`) }) : "";
  return (
    <>
      <Button loading={packing.isPending} onClick={() => packing.mutate()}>{t("package")}</Button>
      {states.length ? (
        <Dropdown
          trigger={["click"]}
          menu={{ items: states.map((one) => ({ key: one, label: t("move-to", { state: t(`states.${one}`) }) })), onClick: ({ key }) => { moving.reset(); setTo(key as State); } }}
        >
          <Button type="primary">{t("move")}</Button>
        </Dropdown>
      ) : null}
      {/* What was sent is waited for, or it could be sent twice. */}
      <Modal open={to !== null} title={title} footer={null} destroyOnHidden onCancel={() => moving.isPending || setTo(null)}>
        <p>{to ? t(`move-means.${to}`) : ""}</p>
        <QuestionnaireForm autoFocus questionnaire={questionnaire(title, [question("why", "text", t("why"), { maxLength: 200 })])} sending={moving} done={t("confirm")} />
      </Modal>
    </>
  );
}
