// Two residents become one: who goes over, who goes on, and what he would be, before anything is done. A reason, then the
// ledger, where it is taken back.
import { SwapOutlined } from "@ant-design/icons";
import { Alert, Button, Card, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";
import { saidIn } from "~/fhir/parameters";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { reasonAsked, type Reason } from "./asked";
import { Beside } from "./Beside";
import { Find } from "./Find";
import { OpenWhole } from "./OpenWhole";
import { useKeys } from "./keys";
import { merging, useAct, useLinked, usePersons, usePreview } from "./desk";
import { isMasked } from "./said";
import "./identity.css";

export default function Merge() {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const [asked, setAsked] = useSearchParams();
  const [source, target] = [asked.get("source") ?? "", asked.get("target") ?? ""];
  const set = (from: string, to: string) => setAsked({ source: from, ...(to ? { target: to } : {}) }, { replace: true });
  return (
    <Page title={t("merge.title")} say={t("merge.say")} actions={<Link to="/identity">{t("back")}</Link>}>
      <Card size="small" title={t("beside")}>
        <Sides source={source} target={target} onSet={set} />
      </Card>
      {target ? null : (
        <Card size="small" title={t("merge.choose")}>
          <Find pick={{ label: t("merge.pick"), act: (id) => (source ? set(source, id) : set(id, "")) }} />
        </Card>
      )}
    </Page>
  );
}

interface SidesShown {
  source: string;
  target: string;
  onSet: (source: string, target: string) => void;
}

function Sides({ source, target, onSet }: SidesShown) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const [from, to] = [useLinked(source ? `Patient/${source}` : ""), useLinked(target ? `Patient/${target}` : "")];
  // Under its own head or not at all: whoever is there already does not stand where the other belongs.
  const sought = [from.data?.resident ?? "", ...(target ? [to.data?.resident ?? ""] : [])];
  const residents = sought.every(Boolean) ? sought : [];
  const isOne = residents.length === 2 && residents[0] === residents[1];
  const persons = usePersons(residents);
  const registered = usePersons([source, target].filter(Boolean).map((one) => `Patient/${one}`));
  const preview = usePreview(source, isOne ? "" : target);
  const swap = () => target && onSet(target, source);
  useKeys({ s: swap });
  const sides = [
    { head: t("merge.source", { count: from.data?.registrations.length ?? 0 }), person: persons.data?.[0] },
    ...(target ? [
      { head: t("merge.target", { count: to.data?.registrations.length ?? 0 }), person: persons.data?.[1] },
      { head: t("merge.result"), person: preview.data?.person },
    ] : []),
  ];
  const problem = from.error ?? to.error ?? persons.error ?? preview.error;
  if (!source) return <Typography.Text type="secondary">{t("merge.nobody-yet")}</Typography.Text>;
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={problem} again={() => [from, to, persons, preview].forEach((one) => void (one.isError && one.refetch()))} />
      {isOne ? <Alert type="info" showIcon title={t("merge.already")} /> : null}
      <Beside sides={isOne ? sides.slice(0, 1) : sides} steps={[]} loading={[from, to, persons, preview].some((one) => one.isLoading)} />
      {preview.data?.against.length ? (
        <Alert type="warning" showIcon title={t("merge.against")} description={<ul className="identity-why">{preview.data.against.map((one) => <li key={one}>{one}</li>)}</ul>} />
      ) : null}
      {residents.length && registered.data?.some(isMasked) ? <OpenWhole references={residents} /> : null}
      {target ? (
        <Flex gap={8} wrap>
          {isOne ? null : <Button icon={<SwapOutlined />} onClick={swap}>S　{t("merge.swap")}</Button>}
          <Button onClick={() => onSet(source, "")}>{t("merge.another")}</Button>
        </Flex>
      ) : null}
      {preview.isSuccess && persons.isSuccess && !isOne ? <Carry key={`${source} ${target}`} source={source} target={target} /> : null}
    </Flex>
  );
}

function Carry({ source, target }: { source: string; target: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const navigate = useNavigate();
  const acting = useAct(() => void navigate(`/identity/person/${target}`, { state: { done: t("done.merge") } }), true);
  const send = (response: fhir4.QuestionnaireResponse) => acting.mutate({ path: "Patient/$merge", given: { ...merging(source, target), ...saidIn<Reason>(response) } });
  return (
    <Flex vertical gap={8}>
      <Typography.Text>{t("comes.merge")}</Typography.Text>
      <QuestionnaireForm questionnaire={reasonAsked(t, t("acts.merge"))} sending={{ ...acting, mutate: send }} done={t("acts.merge")} />
    </Flex>
  );
}
