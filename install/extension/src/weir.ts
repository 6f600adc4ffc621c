// The extension of JupyterLab that goes with weir: a badge on each output, tier and
// policy in the status bar, a guard over copying, and the way to a download.
//
// It is a module-federation container written by hand, which is all that JupyterLab
// loads: window._JUPYTERLAB[NAME] with init, which is given the shared packages, and
// get, which gives the plugin. So it bundles nothing and is built by the compiler
// alone. Nothing here enforces: a browser has what it shows. The server does.

interface SharedPackage { get(): Promise<() => any> }
type SharedPackages = Record<string, Record<string, SharedPackage>>;
interface Container {
  init(shared: SharedPackages): void;
  get(module: string): Promise<() => unknown>;
}
interface Window { _JUPYTERLAB?: Record<string, Container> }

// What is used of JupyterLab's own interfaces.
interface OutputModel { type: string; metadata: any; data: Record<string, unknown> }
interface OutputArea { model: { length: number; get(i: number): OutputModel }; widgets: { node: HTMLElement }[] }
interface Cell { outputArea?: OutputArea; node: HTMLElement }
interface Panel {
  content: { widgets: Cell[]; node: HTMLElement };
  context: { path: string; save(): Promise<void> };
  sessionContext: { kernelDisplayName: string; session: { kernel: { name: string } | null } | null };
  isDisposed: boolean;
}

(() => {
  const NAME = 'weir-lockdown';
  let shared: SharedPackages = {};

  /** A package that JupyterLab shares; there is one version of each. */
  async function load(name: string): Promise<any> {
    const versions = Object.values(shared[name] ?? {});
    if (versions.length === 0) {
      throw new Error(`weir: this JupyterLab does not share ${name}`);
    }
    return (await versions[0].get())();
  }

  // What an output is, by the seal in its metadata. Classes and texts follow the
  // documentation of weir's packages verify and release.
  function classOf(o: OutputModel): string {
    const kind = o.metadata?.weir?.class;
    return typeof kind === 'string' && (o.type === 'display_data' || o.type === 'execute_result') ? kind : o.type;
  }

  const LABELS: Record<string, string> = {
    release: 'verified aggregate',
    refusal: 'refused: nothing was released'
  };
  const MAY_COPY = ['release', 'refusal', 'error'];

  const STYLE = `
.weir-badge { display: flex; gap: 6px; align-items: center; flex-wrap: wrap; padding: 2px 8px; font-size: 11px;
  color: var(--jp-ui-font-color2); user-select: none; }
.weir-badge::before { content: ''; width: 8px; height: 8px; border-radius: 4px; background: var(--jp-layout-color4); }
.weir-badge[data-weir='release']::before { background: var(--jp-success-color1); }
.weir-badge[data-weir='refusal']::before { background: var(--jp-warn-color1); }
.weir-badge button { font-size: 11px; border: 1px solid var(--jp-border-color2); border-radius: 2px; cursor: pointer;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); padding: 1px 6px; }
.jp-OutputArea-child:has(> .weir-badge) { display: flex; flex-wrap: wrap; }
.jp-OutputArea-child:has(> .weir-badge) > .jp-OutputArea-prompt { flex: 0 0 var(--jp-cell-prompt-width); }
.jp-OutputArea-child:has(> .weir-badge) > .jp-OutputArea-output { flex: 1 1 0; min-width: 0; }
.weir-badge { flex: 0 0 100%; box-sizing: border-box; padding-left: calc(var(--jp-cell-prompt-width) + 8px); }
.weir-status { line-height: 24px; padding: 0 8px; font-size: var(--jp-ui-font-size1); }
@media print { .jp-OutputArea-output { display: none !important; } }
`;

  class Weir {
    /** What the guard over copying lets through because a button asked for it. */
    private asked = false;
    private pending = new WeakMap<Panel, number>();

    constructor(private lab: any, private apputils: any, private services: any) {}

    warn(text: string): void {
      this.apputils.Notification.warning(text, { autoClose: 6000 });
    }

    watch(panel: Panel): void {
      const observer = new MutationObserver(() => this.later(panel));
      observer.observe(panel.content.node, { childList: true, subtree: true });
      (panel as any).disposed.connect(() => observer.disconnect());
      this.later(panel);
    }

    private later(panel: Panel): void {
      window.clearTimeout(this.pending.get(panel));
      this.pending.set(panel, window.setTimeout(() => panel.isDisposed || this.mark(panel), 50));
    }

    private mark(panel: Panel): void {
      panel.content.widgets.forEach((cell, c) => {
        const area = cell.outputArea;
        for (let i = 0; area && i < Math.min(area.model.length, area.widgets.length); i++) {
          this.badge(panel, c, i, area.model.get(i), area.widgets[i].node);
        }
      });
    }

    private badge(panel: Panel, cell: number, output: number, model: OutputModel, node: HTMLElement): void {
      const kind = classOf(model);
      const known = node.dataset.weir === kind && (node.querySelector(':scope > .weir-badge') !== null) === (kind in LABELS);
      if (known) {
        return;
      }
      node.dataset.weir = kind;
      node.querySelector(':scope > .weir-badge')?.remove();
      if (!(kind in LABELS)) {
        return;
      }
      const badge = document.createElement('div');
      badge.className = 'weir-badge';
      badge.dataset.weir = kind;
      const label = document.createElement('span');
      label.textContent = LABELS[kind] + this.entry(model);
      badge.append(label, ...this.buttons(panel, cell, output, model, kind));
      node.append(badge);
    }

    private entry(model: OutputModel): string {
      try {
        const s = JSON.parse(model.metadata.weir.statement);
        return ` · ${s.tier} tier · policy ${s.policy_version} · ledger entry ${s.seq}`;
      } catch {
        return '';
      }
    }

    private buttons(panel: Panel, cell: number, output: number, model: OutputModel, kind: string): HTMLElement[] {
      if (kind !== 'release') {
        return [];
      }
      const list: HTMLElement[] = [];
      for (const [label, mime] of [['text', 'text/plain'], ['Markdown', 'text/markdown'], ['CSV', 'text/csv']]) {
        const text = model.data[mime];
        if (typeof text === 'string' && (mime !== 'text/plain' || model.data['text/csv'])) {
          list.push(this.button(`Copy table as ${label}`, () => this.copy(text)));
        }
      }
      const format = model.data['text/csv'] ? 'csv' : model.data['image/png'] ? 'png' : 'html';
      list.push(this.button('Download through release', () => this.release(panel, format, cell + 1, output + 1)));
      return list;
    }

    private button(text: string, act: () => unknown): HTMLElement {
      const b = document.createElement('button');
      b.textContent = text;
      b.addEventListener('click', e => { e.stopPropagation(); void act(); });
      return b;
    }

    private copy(text: string): void {
      const area = document.createElement('textarea');
      area.value = text;
      area.style.position = 'fixed';
      area.style.opacity = '0';
      document.body.append(area);
      const before = document.activeElement as HTMLElement | null;
      area.select();
      this.asked = true;
      try {
        document.execCommand('copy');
        this.apputils.Notification.success('Copied: a verified aggregate.', { autoClose: 2000 });
      } finally {
        this.asked = false;
        area.remove();
        before?.focus();
      }
    }

    /** Releases the saved notebook, or one output of it, and downloads that. */
    async release(panel: Panel, format: string, cell = 0, output = 0): Promise<void> {
      await panel.context.save();
      const settings = this.services.ServerConnection.makeSettings();
      const response = await this.services.ServerConnection.makeRequest(
        settings.baseUrl + 'weir/release',
        { method: 'POST', body: JSON.stringify({ path: panel.context.path, format, cell, output }) },
        settings
      );
      const answer = await response.json();
      if (!response.ok) {
        this.warn(answer.message);
        return;
      }
      const link = document.createElement('a');
      link.href = settings.baseUrl + 'files/' + answer.path.split('/').map(encodeURIComponent).join('/') + '?download=1';
      link.download = '';
      document.body.append(link);
      link.click();
      link.remove();
    }

    /** Stops copying and dragging of what is not a verified aggregate. */
    guard(): void {
      for (const kind of ['copy', 'cut', 'dragstart']) {
        document.addEventListener(kind, event => {
          const why = this.asked ? '' : this.stopped(event);
          if (why) {
            event.preventDefault();
            event.stopImmediatePropagation();
            this.warn(why);
          }
        }, true);
      }
    }

    private stopped(event: Event): string {
      const selection = window.getSelection();
      const target = event.target instanceof Node ? event.target : null;
      for (const node of document.querySelectorAll<HTMLElement>('.jp-OutputArea-output')) {
        const child = node.closest<HTMLElement>('[data-weir]') ?? node.parentElement?.closest<HTMLElement>('[data-weir]');
        const dragged = event.type === 'dragstart' && target !== null && node.contains(target);
        const selected = selection !== null && !selection.isCollapsed && selection.containsNode(node, true);
        if ((dragged || selected) && !MAY_COPY.includes(child?.dataset.weir ?? '')) {
          return 'Not copied: the selection holds an output that is not a verified aggregate. Verified tables have a button to copy them.';
        }
      }
      return '';
    }
  }

  async function status(weir: any, Widget: any, tracker: any, statusBar: any): Promise<void> {
    const settings = weir.services.ServerConnection.makeSettings();
    const response = await weir.services.ServerConnection.makeRequest(settings.baseUrl + 'weir/about', {}, settings);
    const kernels = response.ok ? (await response.json()).kernels : {};
    const item = new Widget();
    item.addClass('weir-status');
    const show = () => {
      const name = tracker.currentWidget?.sessionContext.session?.kernel?.name;
      const tier = name && kernels[name];
      item.node.textContent = tier ? `weir: ${tier.tier} tier, policy ${tier.policy}` : '';
    };
    tracker.currentChanged.connect((_: unknown, panel: any) => {
      panel?.sessionContext.kernelChanged.connect(show);
      show();
    });
    tracker.widgetAdded.connect((_: unknown, panel: any) => panel.sessionContext.kernelChanged.connect(show));
    statusBar.registerStatusItem('weir-lockdown:status', { item, align: 'left', rank: 1000, isActive: () => true });
    show();
  }

  async function plugin(): Promise<unknown> {
    const [notebook, statusbar, apputils, services, widgets] = await Promise.all(
      ['@jupyterlab/notebook', '@jupyterlab/statusbar', '@jupyterlab/apputils', '@jupyterlab/services', '@lumino/widgets'].map(load)
    );
    return {
      id: NAME + ':plugin',
      autoStart: true,
      requires: [notebook.INotebookTracker],
      optional: [statusbar.IStatusBar, apputils.ICommandPalette],
      activate: (lab: any, tracker: any, statusBar: any, palette: any) => {
        const style = document.createElement('style');
        style.textContent = STYLE;
        document.head.append(style);
        const weir = new Weir(lab, apputils, services);
        weir.guard();
        tracker.forEach((panel: Panel) => weir.watch(panel));
        tracker.widgetAdded.connect((_: unknown, panel: Panel) => weir.watch(panel));
        for (const format of ['ipynb', 'html', 'md', 'csv', 'png']) {
          const command = `weir:release-${format}`;
          lab.commands.addCommand(command, {
            label: `Download through release: .${format}`,
            isEnabled: () => tracker.currentWidget !== null,
            execute: () => weir.release(tracker.currentWidget, format)
          });
          palette?.addItem({ command, category: 'weir' });
        }
        if (statusBar) {
          void status(weir, widgets.Widget, tracker, statusBar);
        }
      }
    };
  }

  (window._JUPYTERLAB ??= {})[NAME] = {
    init(packages) { shared = packages; },
    async get() {
      const exports = { default: await plugin(), __esModule: true };
      return () => exports;
    }
  };
})();
