# gnuplot -e "csv='truncated.csv'; out='truncated.svg'" truncated.gp
set datafile separator ","
set terminal svg size 600,450 font "sans,12" background "white"
set output out
set logscale y
set format y "10^{%T}"
set grid
set xlabel "K, steps gone back over"
set ylabel "error of the hypergradient, of its norm"
points(rho) = sprintf("< awk -F, '$1 == \"%s\"' '%s'", rho, csv)
plot for [rho in "0.1 0.3 1"] points(rho) using 2:3 with linespoints title sprintf("l2, rho = %s", rho)
