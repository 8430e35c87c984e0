// The residents' portal: begins languages, session and routes. What is in it stands below `apps/*/my.tsx`.
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { beginQueries } from "~/fhir/queries";
import { begin } from "~/ui/language";
import { Fault } from "~/ui/plain/Fault";
import { Waiting } from "~/ui/plain/parts";
import "~/ui/plain/plain.css";
import { keepZone } from "~/ui/time";
import { ElderContext, useElderState } from "./elder";
import { Outside } from "./Outside";
import { Session, type About } from "./session";
import { Shell } from "./Shell";
import { SignIn } from "./SignIn";

const queries = beginQueries();

function Portal({ about }: { about: About }) {
  const elder = useElderState();
  return (
    <ElderContext value={elder}>
      <QueryClientProvider client={queries}>
        <Session
          about={about}
          waiting={<Outside about={about}><Waiting /></Outside>}
          failed={(again, error) => <Outside about={about}><Fault error={error} again={again} /></Outside>}
          signIn={(begun, ended) => <Outside about={about}><SignIn about={about} ended={ended} onSignedIn={begun} /></Outside>}
        >
          <BrowserRouter basename="/my"><Shell /></BrowserRouter>
        </Session>
      </QueryClientProvider>
    </ElderContext>
  );
}

const texts = import.meta.glob<Record<string, unknown>>(
  ["./texts/*.json", "../ui/texts/*.json", "../apps/*/my/{zh,en}.json"], { eager: true, import: "default" },
);

async function told(): Promise<About> {
  try {
    return (await (await fetch("/about")).json()) as About;
  } catch {
    return { name: "", demonstration: false, help: "" }; // Without a network the frame is shown, and says that there is none.
  }
}

void Promise.all([begin(texts), told()]).then(([, about]) => {
  if (about.zone) keepZone(about.zone);
  createRoot(document.getElementById("root") as HTMLElement).render(<StrictMode><Portal about={about} /></StrictMode>);
});
if ("serviceWorker" in navigator && import.meta.env.PROD) void navigator.serviceWorker.register("/my-worker.js", { scope: "/my" });
