# Two commands do all the set-up: `make demo` and `make test`.
.DEFAULT_GOAL := help
ENVIRONMENT := scripts/environment.sh

help:            ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 18

demo:            ## the main job on real patients: spreadsheet → commons → plot
	@$(ENVIRONMENT) demo constraints.txt -e '.[demo]'
	@.venvs/demo/bin/gen3nb demo --output demo-output

test:            ## lint, types, import directions, tests, notebooks, code blocks of the docs
	@$(ENVIRONMENT) test constraints.txt --group test --group docs -e '.[all]'
	@$(ENVIRONMENT) lowest constraints-lowest.txt --group frames-test -e '.[sandbox,excel]'
	@scripts/test.sh

lab:             ## JupyterLab with the notebooks, on a practice commons
	@$(ENVIRONMENT) demo constraints.txt -e '.[demo]'
	@.venvs/demo/bin/gen3nb lab notebooks

docs:            ## build the site into docs/_build/html
	@$(ENVIRONMENT) docs constraints.txt --group docs -e '.[sandbox,demo]'
	@.venvs/docs/bin/sphinx-build -W --keep-going -q -b html docs docs/_build/html && echo "docs/_build/html/index.html"

drill:           ## 500 submissions, uploads and downloads under fire: kills and faults; nothing lost, nothing doubled
	@$(ENVIRONMENT) test constraints.txt --group test --group docs -e '.[all]'
	@.venvs/test/bin/python tests/drills/drill.py --seeds 500 --write docs/explanation/measured/drill.md
	@.venvs/test/bin/python tests/drills/transfer_drill.py --seeds 500 --write docs/explanation/measured/transfer_drill.md

bench:           ## measure, side by side with what one would use instead
	@$(ENVIRONMENT) bench constraints.txt --group bench -e '.[all]'
	@.venvs/bench/bin/python benchmarks/run.py --write docs/explanation/measured/benchmarks.md

test-newest:     ## the tests on the newest versions of everything; not a gate
	@$(ENVIRONMENT) newest /dev/null --group test --group docs -e '.[all]'
	@.venvs/newest/bin/python -m pytest tests -q -p no:cacheprovider

constraints:     ## resolve the constraints files anew
	@scripts/resolve.sh

clean:           ## remove environments and what was built
	rm -rf .venvs docs/_build demo-output .coverage*

.PHONY: help demo test lab docs drill bench test-newest constraints clean
