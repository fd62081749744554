# gnuplot -e "csv='curves.csv'; out='curves.svg'" curves.gp
set datafile separator ","
set terminal svg size 1300,450 font "sans,12" background "white"
set output out
set multiplot layout 1,4
set key top left
set logscale xy
set xrange [800:12000]
set grid
set ylabel "seconds"
points(curve, mode) = sprintf("< awk -F, '$1 == \"%s\" && $2 == \"%s\"' '%s'", curve, mode, csv)
set title "T, 64 - 32 - 10"
set xlabel "steps T"
plot points("T", "reverse") using 3:5:6:7 with yerrorlines title "reverse", \
     points("T", "forward") using 3:5:6:7 with yerrorlines title "forward, m = 2", \
     points("T", "reverse") using 3:4 with lines dashtype 2 title "plain"
set title "d, softmax, 50 x d x 10"
set xlabel "features d"
plot points("d", "reverse") using 3:5:6:7 with yerrorlines title "reverse", \
     points("d", "reverse") using 3:4 with lines dashtype 2 title "plain"
unset logscale
set xlabel "hyperparameters m"
set xrange [0:10.5]
set yrange [0:*]
set title "m, softmax, 500 x 784 x 10"
plot points("m softmax", "forward") using 3:5:6:7 with yerrorlines title "forward", \
     points("m softmax", "reverse") using 3:5:6:7 with yerrorlines title "reverse", \
     points("m softmax", "forward") using 3:4 with lines dashtype 2 title "plain"
set title "m, 784 - 300 - 10"
plot points("m network", "forward") using 3:5:6:7 with yerrorlines title "forward", \
     points("m network", "reverse") using 3:5:6:7 with yerrorlines title "reverse", \
     points("m network", "forward") using 3:4 with lines dashtype 2 title "plain"
unset multiplot
